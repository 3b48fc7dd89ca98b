"""Runs as Airflow makes them, with its own context: scheduled, by range, and refused."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from tests.support.dags import parsed_dags
from tests.support.sources import TestSource, play, song
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("airflow")


@pytest.fixture
def fresh_dags() -> dict[str, DAG]:
    """The DAGs parsed anew: dag.test() writes a run's conf into its DAG's params."""
    return parsed_dags()


def states(run: Any) -> dict[str, str]:
    return {task.task_id: str(task.state) for task in run.get_task_instances()}


def test_an_hourly_run(
    fresh_dags: dict[str, DAG], source: TestSource, warehouse: Warehouse
) -> None:
    source.events(
        play("2018-11-15 09:59:00"),
        play("2018-11-15 10:00:00", itemInSession=1),
        play("2018-11-15 11:00:00", itemInSession=2),
    )
    source.songs(song("SO1"))
    run = fresh_dags["sparkify"].test(logical_date=datetime(2018, 11, 15, 10, tzinfo=UTC))
    assert set(states(run).values()) == {"success"}
    assert warehouse.column("select item_in_session from songplays") == [1]
    assert warehouse.rows("select song_id from songplays") == [("SO1",)]


def test_a_run_without_new_songs_skips_the_catalogue(
    fresh_dags: dict[str, DAG], source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    run = fresh_dags["sparkify"].test(logical_date=datetime(2018, 11, 15, 10, 30, tzinfo=UTC))
    skipped = {task_id for task_id, state in states(run).items() if state == "skipped"}
    catalogue = {"load_song_copies", "load_staging_songs", "load_artists", "load_songs"}
    assert skipped == {"stage_songs", *catalogue, "link_songplays"}
    assert str(run.state) == "success"
    assert warehouse.count("songplays") == 1


def test_a_range_run_without_a_logical_date(
    fresh_dags: dict[str, DAG], source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"), play("2018-11-17 10:00:00", itemInSession=1))
    conf = {"start": "2018-11-15T00:00:00Z", "end": "2018-11-18T00:00:00Z"}
    run = fresh_dags["sparkify"].test(logical_date=None, run_conf=conf)
    assert str(run.state) == "success"
    assert warehouse.count("songplays") == 2


def test_a_run_without_date_and_range_is_refused(
    fresh_dags: dict[str, DAG],
    source: TestSource,
    warehouse: Warehouse,
    capfd: pytest.CaptureFixture[str],
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    run = fresh_dags["sparkify"].test(logical_date=None)
    assert str(run.state) == "failed"
    assert states(run)["stage_events"] == "failed"
    assert "This run has no logical date" in "".join(capfd.readouterr())
    assert warehouse.count("songplays") == 0


def test_too_many_rejects_fail_the_run_in_a_sentence(
    fresh_dags: dict[str, DAG],
    source: TestSource,
    warehouse: Warehouse,
    capfd: pytest.CaptureFixture[str],
) -> None:
    lines = [json.dumps(play(f"2018-11-15 10:{n:02}:00", itemInSession=n)) for n in range(19)]
    source.lines("2018-11-15", *lines, '{"artist": "cut', "")
    run = fresh_dags["sparkify"].test(logical_date=datetime(2018, 11, 15, 10, 30, tzinfo=UTC))
    assert str(run.state) == "failed"
    assert states(run)["load_songplays"] == "upstream_failed"
    told = "".join(capfd.readouterr())
    assert "the share of records that could not be loaded stays below the limit" in told
    assert warehouse.count("songplays") == 0


@pytest.mark.parametrize("recreate", [False, True])
def test_the_schema_dag_keeps_what_is_there_unless_told_to_recreate(
    fresh_dags: dict[str, DAG], source: TestSource, warehouse: Warehouse, recreate: bool
) -> None:
    warehouse.client.execute("insert into users values (1, 'Ada', 'L', 'F', 'free', now())")
    warehouse.client.execute("drop table quality_results cascade")
    run = fresh_dags["sparkify_schema"].test(run_conf={"recreate": recreate})
    assert str(run.state) == "success"
    assert warehouse.count("users") == (0 if recreate else 1)
    assert warehouse.count("quality_results") == 0
    assert warehouse.count("dim_users") == (0 if recreate else 1)


def test_the_folder_of_the_sql_is_beside_the_dags(fresh_dags: dict[str, DAG]) -> None:
    for dag_id in ("sparkify", "sparkify_schema"):
        [searchpath] = fresh_dags[dag_id].template_searchpath or []
        assert (Path(searchpath) / "schema").is_dir()
