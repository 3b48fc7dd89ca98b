"""``airflow sparkify doctor`` and the DAG ``sparkify_doctor``: what they say and return."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from airflow.cli.cli_parser import get_parser
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from local.tools.pipeline import Pipeline
from sparkify.cli.metadata import Metadata
from sparkify.settings import setting
from sparkify.versions import AIRFLOW
from tests.support.environment import ROOT
from tests.support.sources import TestSource, play, song
from tests.support.warehouse import Warehouse


@pytest.fixture
def well(source: TestSource, warehouse: Warehouse) -> TestSource:
    """A source, and tables."""
    source.events(play("2018-11-15 10:00:00"))
    source.songs(song("SO1"))
    return source


@pytest.fixture
def running(airflow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An Airflow whose processes all run."""
    monkeypatch.setattr(Metadata, "is_running", lambda *_: True)
    monkeypatch.setattr(Metadata, "dag_ids", lambda _: ["sparkify", "sparkify_schema"])
    # Another test may have stored and paused it.
    monkeypatch.setattr(Metadata, "dag", lambda *_: SimpleNamespace(is_paused=False))


def call() -> object:
    """The exit status of a process of its own."""
    setting.cache_clear()
    args = get_parser().parse_args(["sparkify", "doctor"])
    with pytest.raises(SystemExit) as ended:
        args.func(args)
    return ended.value.code


@pytest.mark.usefixtures("running")
def test_the_command_exits_with_what_it_finds(
    well: TestSource, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call() == 0
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert lines[0] == "holds           metadata: postgresql"
    assert "holds           dags: sparkify is not paused" in lines
    assert lines[-1].endswith(" hold, 0 do not hold, 0 cannot be told.")
    assert all(line.startswith("holds ") for line in lines[:-1])
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SONGS", "catalogue/*.json")
    assert call() == 3
    assert "\ncannot be told  songs: " in capsys.readouterr().out
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION", "logs/%Y/%m/%d.json")
    assert call() == 1
    assert "\ndoes not hold   event_files: " in capsys.readouterr().out


@pytest.mark.usefixtures("airflow")
def test_an_airflow_that_is_not_running_is_found(
    well: TestSource, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Another test may have stored the DAGs.
    monkeypatch.setattr(Metadata, "dag_ids", lambda _: [])
    assert call() == 1
    said = capsys.readouterr().out
    for name in ("scheduler", "triggerer"):
        assert f"does not hold   {name}: A {name} is running" in said
    assert "does not hold   dags: Airflow has parsed the DAGs. Instead: It does not know" in said


def test_the_dag_fails_once_with_all_that_does_not_hold(
    well: TestSource,
    dags: dict[str, DAG],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    doctor = Pipeline(dags["sparkify_doctor"])
    lines = doctor.run_task("examine", doctor.context())
    assert len(lines) > 30
    assert all(line.startswith("holds ") for line in lines)
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "5 %")
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_JSONPATHS", "s3://bucket/paths.json")
    with pytest.raises(AirflowFailException) as failed:
        doctor.run_task("examine", doctor.context())
    said = str(failed.value)
    assert " 2 do not hold, " in said
    assert "\ndoes not hold   variables: " in said
    assert "\ndoes not hold   jsonpaths: " in said


def test_a_package_that_is_not_installed_is_a_finding() -> None:
    if AIRFLOW.is_prerelease:
        pytest.skip("A process of its own refuses a pre-release first")
    program = """
import sys
sys.modules["polars"] = None
from sparkify.doctor import deployment, examinations
from sparkify.doctor.subject import Subject
print(deployment.packages.run(Subject()))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugins")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "does not hold   packages: " in ended.stdout
    assert "polars" in ended.stdout
    assert "What to do: Install what requirements.txt lists" in ended.stdout
