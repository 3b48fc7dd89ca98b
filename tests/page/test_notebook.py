"""The notebook, run top to bottom as a person runs it, on a small warehouse."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from local.servers.postgres import EmbeddedPostgres
from local.tools.pipeline import Pipeline
from tests.support.environment import ROOT
from tests.support.questions import EVENTS
from tests.support.sources import TestSource, song
from tests.support.warehouse import Warehouse

NOTEBOOK = ROOT / "notebooks/what_users_listen_to.ipynb"


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    # Jupyter's own files stay out of the person's home.
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]  # it has no annotations


def run(notebook: Any) -> str:
    """The text of all its outputs."""
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(str(output.get("data", {}).get("text/plain", "")) for output in outputs)


def test_it_runs_top_to_bottom(
    notebook: Any,
    server: EmbeddedPostgres,
    pipeline: Pipeline,
    source: TestSource,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source.events(*EVENTS)
    source.songs(song("SO1"))
    pipeline.run("2018-11-05", "2018-11-15")
    # What `.local/env` exports.
    monkeypatch.setenv("PGHOST", str(server.socket_folder))
    monkeypatch.setenv("PGUSER", "sparkify")
    monkeypatch.setenv("PGDATABASE", warehouse.client.info.dbname)
    said = run(notebook)
    assert "Undo" in said
    assert "Björk" in said
    # Of six plays the catalogue knows two.
    assert "0.3333" in said
    for view in ("most_played_songs", "level_changes", "sessions", "hours"):
        assert any(view in cell.source for cell in notebook.cells)


def test_without_a_deployment_it_says_what_to_do(
    notebook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGDATABASE", raising=False)
    with pytest.raises(CellExecutionError, match=r"source \.local/env"):
        run(notebook)


def test_it_is_kept_without_what_a_run_put_into_it(notebook: Any) -> None:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code), (
        "Clear all outputs before you commit: they are somebody's data."
    )
