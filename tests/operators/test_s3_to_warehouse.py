"""Staging files on PostgreSQL."""

import gzip
import json
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from local.tools.pipeline import Pipeline
from tests.support.sources import TestSource, play
from tests.support.warehouse import Warehouse


@pytest.fixture(autouse=True, params=["with pgpq", "without pgpq"])
def encoding(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both forms of rows: Linux on arm64 has the one only."""
    if request.param == "without pgpq":
        monkeypatch.setattr("sparkify.records.encoding.pgpq", None)


DAY = ("2018-11-15", "2018-11-16")


def staged(pipeline: Pipeline, task_id: str = "stage_events", run_id: str = "run") -> Any:
    return pipeline.run_task(task_id, pipeline.context(*DAY, run_id=run_id))


def tables(warehouse: Warehouse) -> list[str]:
    return warehouse.column(
        "select tablename from pg_tables where tablename like 'staging\\_%\\_%\\_%' or "
        "tablename ~ '^staging_events_' order by 1"
    )


def test_an_event_is_staged_with_its_eighteen_fields(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    event = play("2018-11-15 10:00:00.796", userId="", song="")
    source.events(event)
    assert staged(pipeline) == {"files": 1, "missing": 0, "rows": 0, "rejects": 1, "forgotten": 0}
    source.events(event | {"page": "Home"})
    assert staged(pipeline) == {"files": 1, "missing": 0, "rows": 1, "rejects": 0, "forgotten": 0}
    [table] = tables(warehouse)
    [row] = warehouse.rows(f"select to_jsonb(staged) from {table} as staged")
    assert row[0] == {
        key.lower(): value
        for key, value in event.items()
        if key not in ("page", "ts", "userId", "song")
    } | {"page": "Home", "ts": "2018-11-15T10:00:00.796", "userid": None, "song": None}


def test_a_retry_stages_anew_and_not_twice(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    staged(pipeline)
    staged(pipeline)
    [table] = tables(warehouse)
    assert warehouse.count(table) == 1
    # The first try's entry is no longer the run's.
    assert warehouse.column("select run_id = '' from file_ledger order by reading") == [True, False]


def test_two_runs_do_not_meet(pipeline: Pipeline, source: TestSource, warehouse: Warehouse) -> None:
    source.events(play("2018-11-15 10:00:00"))
    staged(pipeline, run_id="one")
    staged(pipeline, run_id="two")
    assert [warehouse.count(table) for table in tables(warehouse)] == [1, 1]


def test_a_try_that_fails_leaves_nothing(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    good = json.dumps(play("2018-11-15 10:00:00")).encode()
    path = source.lines("2018-11-15", "").with_suffix(".json.gz")
    path.write_bytes(gzip.compress(good)[:-9])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION", "log_data/%Y/%m/%Y-%m-%d-events.json.gz")
        with pytest.raises(AirflowFailException, match=path.name):
            staged(pipeline)
    assert tables(warehouse) == []
    assert warehouse.count("file_ledger") == 0


def test_a_source_cut_by_hour_in_compressed_parts_needs_a_setting_only(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION", "log_data/%Y/%m/%d/%H/*.json.gz")
    for hour, item in [("09", 0), ("10", 1), ("11", 2)]:
        folder = source.root / f"log_data/2018/11/15/{hour}"
        folder.mkdir(parents=True)
        for part in range(2):
            event = play(f"2018-11-15 {hour}:00:0{part}", itemInSession=item)
            (folder / f"part-{part}.json.gz").write_bytes(gzip.compress(json.dumps(event).encode()))
    pipeline.run("2018-11-15T10:00:00Z", "2018-11-15T11:00:00Z")
    assert warehouse.column("select item_in_session from songplays") == [1, 1]
    assert warehouse.column("select source_file from file_ledger order by 1") == [
        "log_data/2018/11/15/10/part-0.json.gz",
        "log_data/2018/11/15/10/part-1.json.gz",
    ]


def test_a_source_that_is_not_there_says_what_to_set(
    pipeline: Pipeline, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AirflowFailException, match="sparkify_source is not set"):
        staged(pipeline)
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", "file:///no/such/folder")
    # It may be a mount that comes back.
    with pytest.raises(AirflowException, match="/no/such/folder does not exist"):
        staged(pipeline)
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", "ftp://somewhere")
    with pytest.raises(AirflowFailException, match="cannot be read"):
        staged(pipeline)


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("partition", "", "sparkify_partition is empty. Set it to the names of the event files"),
        ("partition", " ", "sparkify_partition is empty"),
        ("partition", "/log_data/%Y-%m-%d.json", "relative to the source. Remove the slash"),
        ("songs", "song_data/*.json\n/song_data/*/*.json", "sparkify_songs is 'song_data.*slash"),
    ],
)
def test_names_that_match_no_file_of_any_source_are_refused(
    variable: str,
    value: str,
    sentence: str,
    pipeline: Pipeline,
    source: TestSource,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(f"AIRFLOW_VAR_SPARKIFY_{variable.upper()}", value)
    with pytest.raises(AirflowFailException, match=sentence):
        pipeline.run("2018-11-15", "2018-11-16")


def test_white_space_around_a_source_is_none_of_it(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", f" {source.url}\n")
    pipeline.run("2018-11-15", "2018-11-16")
    assert warehouse.column("select distinct source from file_ledger") == [source.url]


def test_jsonpaths_are_refused_where_nothing_reads_them(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_JSONPATHS", "s3://bucket/paths.json")
    with pytest.raises(AirflowFailException, match="only with Redshift's COPY"):
        staged(pipeline)


def test_another_type_of_connection_is_refused(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", '{"conn_type": "mysql"}')
    with pytest.raises(AirflowFailException, match="must be redshift or postgres"):
        staged(pipeline)
