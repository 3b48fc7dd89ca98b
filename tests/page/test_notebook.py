"""The notebook, run top to bottom as a person runs it, on a small warehouse."""

import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from local.deployment.sample import SAMPLE
from local.servers.postgres import EmbeddedPostgres
from local.simulator import simulate
from local.tools.notebook import FIGURE, NOTEBOOK
from local.tools.pipeline import Pipeline
from tests.support.environment import ROOT
from tests.support.questions import EVENTS
from tests.support.sources import TestSource, song
from tests.support.warehouse import Warehouse


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    # Jupyter's own files stay out of the person's home.
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return nbformat.read(ROOT / NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]  # it has no annotations


@pytest.fixture
def reach(server: EmbeddedPostgres, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``.local/env`` exports."""
    monkeypatch.setenv("PGHOST", str(server.socket_folder))
    monkeypatch.setenv("PGUSER", "sparkify")
    monkeypatch.setenv("PGDATABASE", warehouse.client.info.dbname)


def run(notebook: Any) -> str:
    """The text of all its outputs."""
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(str(output.get("data", {}).get("text/plain", "")) for output in outputs)


def test_it_runs_top_to_bottom(
    notebook: Any, reach: None, pipeline: Pipeline, source: TestSource
) -> None:
    source.events(*EVENTS)
    source.songs(song("SO1"))
    pipeline.run("2018-11-05", "2018-11-15")
    said = run(notebook)
    assert "Undo" in said
    assert "Björk" in said
    # Of six plays the catalogue knows two.
    assert "0.3333" in said
    for view in ("most_played_songs", "retention", "listening_hours", "devices", "hours"):
        assert any(view in cell.source for cell in notebook.cells)


def test_without_a_deployment_it_says_what_to_do(
    notebook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGDATABASE", raising=False)
    with pytest.raises(CellExecutionError, match=r"source \.local/env"):
        run(notebook)


def test_it_is_kept_with_what_it_shows_of_the_sample_and_names_nobody(
    notebook: Any,
    reach: None,
    pipeline: Pipeline,
    source: TestSource,
    warehouse: Warehouse,
) -> None:
    kept = copy.deepcopy(notebook)
    simulate(source.root, SAMPLE)
    pipeline.run(str(SAMPLE.start), str(SAMPLE.start + timedelta(days=SAMPLE.days)))
    run(notebook)
    for is_now, was in zip(code_cells(notebook), code_cells(kept), strict=True):
        assert was.execution_count == is_now.execution_count, "Run `make notebook`."
        assert texts(was) == texts(is_now), f"Run `make notebook`, for:\n{was.source}"
        # A figure is kept as a picture.
        assert len(was.outputs) == len(is_now.outputs)
    text = (ROOT / NOTEBOOK).read_text()
    people = warehouse.column("select first_name || ' ' || last_name from users")
    assert len(people) == SAMPLE.users
    # Some are called what artists are called.
    artists = " ".join(warehouse.column("select artist_name from song_days"))
    assert [name for name in people if name in text and name not in artists] == []
    for form in ("text/html", "image/png"):
        assert form in text
    assert "file://" not in text


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(cell: Any) -> list[str]:
    found = (output.get("data", {}) for output in cell.outputs)
    return [data["text/plain"] for data in found if "text/html" in data and FIGURE not in data]
