"""What a real run tells OpenLineage and Airflow's assets, on either engine, and what docs show."""

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.models.asset import AssetEvent, AssetModel
from airflow.sdk import DAG
from airflow.utils.session import create_session
from sqlalchemy import select

from local.redshift.server import RedshiftServer
from local.simulator import simulate
from local.tools.lineage import EVENTS, HOUR, WORLD, Recorder, completed, documents
from sparkify.macros import sql_files
from tests.support.environment import ROOT
from tests.support.sources import Bucket, TestSource, play
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("airflow")

Event = dict[str, Any]


@pytest.fixture
def simulated(tmp_path: Path) -> Path:
    simulate(tmp_path / "simulated", WORLD)
    return tmp_path / "simulated"


def events_of_assets() -> dict[str, dict[str, Any]]:
    """The extra of the last event of each asset, by the asset's name."""
    with create_session() as session:
        found = session.execute(
            select(AssetModel.name, AssetModel.uri, AssetEvent.extra)
            .join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
            .order_by(AssetEvent.id)
        )
        return {name: {"uri": uri, **extra} for name, uri, extra in found}


def datasets(event: Event, side: str) -> set[str]:
    return {one["name"].rpartition(".")[2] for one in event[side] if "/" not in one["name"]}


def test_the_documents_show_a_run(
    simulated: Path,
    warehouse: Warehouse,
    dags: dict[str, DAG],
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", simulated.as_uri())
    state, recorded = recorder.run()
    assert state == "success"
    database = str(warehouse.value("select current_database()"))
    shown = completed(recorded, dags["sparkify"].task_ids, simulated.as_uri(), database)
    for target, text in documents(shown).items():
        assert target.read_text() == text, f"{target} is out of date: run `make lineage`."
    assert [event["job"]["name"] for event in shown] == [
        f"sparkify.{task}" for task in dags["sparkify"].task_ids
    ]
    assert not [event for event in recorded if event["eventType"] in ("FAIL", "ABORT")]
    by_task = {event["job"]["name"].partition(".")[2]: event for event in shown}
    staged = rows(by_task["stage_events"])["staging_events"]
    checked = {
        check["assertion"]
        for task in ("audit_staged", "check_quality")
        for table in by_task[task]["inputs"]
        for check in table["inputFacets"]["dataQualityAssertions"]["assertions"]
    }
    # It asks only a scheduled run whether its events are fresh.
    assert checked == {*sql_files("audit"), *sql_files("quality")} - {"events_fresh"}
    assert rows(by_task["load_songplays"])["songplays"] == warehouse.count("songplays")
    bounds = by_task["load_users"]["run"]["facets"]["executionParameters"]["parameters"]
    assert [one["value"] for one in bounds] == [
        "2018-11-01T18:00:00+00:00",
        "2018-11-01T19:00:00+00:00",
    ]

    assets = events_of_assets()
    loaded = {task for task in by_task if task.startswith("load_")}
    assert assets.keys() == {task.replace("load_", "sparkify.") for task in loaded}
    told = assets["sparkify.songplays"]
    assert told.pop("run_id").startswith("manual__")
    assert told == {
        "uri": "x-sparkify://sparkify_warehouse/public/songplays",
        "table": f"postgres://localhost:5432/{database}.public.songplays",
        "window_start": "2018-11-01T18:00:00+00:00",
        "window_end": "2018-11-01T19:00:00+00:00",
        "rows": staged,
        "rejects": 0,
    }
    assert assets["sparkify.songs"]["rows"] == WORLD.songs


def rows(event: Event) -> dict[str, int]:
    """How many rows a task wrote, by table."""
    return {
        one["name"].rpartition(".")[2]: one["outputFacets"]["outputStatistics"]["rowCount"]
        for one in event["outputs"]
        if "outputStatistics" in one["outputFacets"]
    }


def test_on_redshift_it_tells_the_same_and_asks_nothing(
    simulated: Path,
    redshift_warehouse: Warehouse,
    redshift_server: RedshiftServer,
    bucket: Bucket,
    dags: dict[str, DAG],
    recorder: Recorder,
) -> None:
    bucket.fill(TestSource(simulated))
    before = len(redshift_server.statements)
    state, recorded = recorder.run()
    assert state == "success"
    asked = [one.text.lower() for one in redshift_server.statements[before:]]
    assert asked
    assert not [text for text in asked if "select current_schema" in text or "svv_" in text]
    database = str(redshift_warehouse.value("select current_database()"))
    shown = completed(recorded, dags["sparkify"].task_ids, bucket.url, database)
    on_postgres = json.loads((ROOT / EVENTS).read_text())
    for event, other in zip(shown, on_postgres, strict=True):
        assert event["job"] == other["job"]
        for side in ("inputs", "outputs"):
            assert datasets(event, side) == datasets(other, side), event["job"]["name"]
        if event["job"]["name"] != "sparkify.load_songplays":
            assert rows(event) == rows(other), event["job"]["name"]
        columns = [
            one["facets"]["columnLineage"]["fields"].keys()
            for each in (event, other)
            for one in each["outputs"]
            if "columnLineage" in one["facets"]
        ]
        assert columns[: len(columns) // 2] == columns[len(columns) // 2 :]
    [file] = [one for one in shown[0]["inputs"] if "/" in one["name"]]
    assert (file["namespace"], file["name"]) == (
        f"s3://{bucket.name}",
        "app/log_data/2018/11/2018-11-01-events.json",
    )
    warehouse = f"redshift://127.0.0.1:{redshift_server.port}"
    assert {one["namespace"] for one in shown[0]["outputs"]} == {warehouse}
    assert events_of_assets()["sparkify.songplays"]["table"].startswith(f"{warehouse}/")


def test_a_task_that_fails_states_the_checks_that_failed(
    source: TestSource,
    warehouse: Warehouse,
    recorder: Recorder,
) -> None:
    source.lines("2018-11-01", json.dumps(play(f"{HOUR:%Y-%m-%d %H}:10:00")), "broken")
    state, told = recorder.run()
    assert state == "failed"
    assert warehouse.count("songplays") == 0
    [failed] = [
        event
        for event in told
        if event["eventType"] == "FAIL" and event["job"]["name"] == "sparkify.audit_staged"
    ]
    rejected = {
        check["assertion"]: check["success"]
        for table in failed["inputs"]
        for check in table["inputFacets"]["dataQualityAssertions"]["assertions"]
    }
    assert [name for name, passed in rejected.items() if not passed] == ["reject_share"]
    assert rejected.keys() == sql_files("audit").keys()
    assert not any(one["outputFacets"] for one in failed["outputs"])
