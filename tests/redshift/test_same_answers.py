"""Every question and every check has the same result on both engines."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException

from local.tools.pipeline import Pipeline
from sparkify.page.questions import Filters, query, questions
from sparkify.page.warehouse import reading
from tests.support.sources import Bucket, play
from tests.support.warehouse import Warehouse

DAYS = ("2018-11-14", "2018-11-17")
FILTERS = [
    Filters(),
    Filters(date(2018, 11, 15), date(2018, 11, 15)),
    Filters(level="free", place="Atlanta-Sandy Springs-Roswell, GA"),
]
CLOCKS = {"loaded_at", "hours_seen_at", "rejected_at"}
"""Columns that contain the time of a load."""

DAMAGE = [
    *(
        # PostgreSQL enforces keys, Redshift does not.
        f"alter table {table} drop constraint if exists {table}_pkey cascade"
        for table in ("songplays", "time", "users", "user_events", "user_levels", "songs")
    ),
    "delete from time where extract(minute from start_time) = 7",
    "insert into time select * from time where extract(minute from start_time) = 8",
    "update songplays set level = 'gold' where extract(minute from start_time) = 9",
    "update songplays set user_id = 0, duration = null where extract(minute from start_time) = 10",
    "insert into songplays select * from songplays where extract(minute from start_time) = 11",
    "update songplays set song_title = null where extract(minute from start_time) = 12",
    "update songplays set song_title = 'Ã' || song_title where user_id > 20",
    "update users set level = 'gold', gender = 'x' where user_id < 20",
    "insert into users select * from users where user_id < 10",
    "update user_levels set valid_to = valid_from where user_id between 10 and 30",
    "insert into user_events select * from user_events where user_id = 15",
    "update artists set latitude = 91 where artist_id < 'ARF'",
    "delete from artists where artist_id > 'ARM'",
    "update songs set duration = -1, title = 'x' where song_id < 'SOG'",
    "delete from songs where song_id > 'SOT'",
    "update hour_loads set plays = plays + 1 where extract(hour from hour_start) = 3",
    "update hour_loads set content_loaded = 0 where extract(hour from hour_start) = 4",
    "delete from session_hours where session_id = 139",
    "delete from song_days where plays > 1",
]
"""Damage that violates most checks, so that there are findings to compare."""


@pytest.fixture
def both(
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    new_warehouse: Callable[[], Warehouse],
    dags: dict[str, DAG],
    bucket: Bucket,
    real_source: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Callable[[Pipeline, Warehouse], Any]], list[Any]]:
    """Return a function that calls another one per engine, with three days of the public data."""
    for number in (14, 15, 16):
        name = f"log_data/2018/11/2018-11-{number}-events.json"
        bucket.put(name, (real_source / name).read_bytes())
    bucket.storage.upload(real_source / "song_data", bucket.name, "app/song_data/")
    connection = "AIRFLOW_CONN_SPARKIFY_WAREHOUSE"
    engines = [(os.environ[connection], redshift_pipeline, redshift_warehouse)]
    postgres = new_warehouse()
    engines.append((os.environ[connection], Pipeline(dags["sparkify"]), postgres))

    def ask(question: Callable[[Pipeline, Warehouse], Any]) -> list[Any]:
        answers = []
        for uri, pipeline, warehouse in engines:
            monkeypatch.setenv(connection, uri)
            answers.append(question(pipeline, warehouse))
        return answers

    return ask


def alike(value: Any) -> Any:
    """Normalize a value, because the engines' drivers return different types."""
    return round(float(value), 6) if isinstance(value, Decimal | float) else value


def test_every_question_has_the_same_answer(both: Any) -> None:
    both(lambda pipeline, _: pipeline.run(*DAYS, run_id="manual__both"))

    def answers(*_: Any) -> dict[tuple[str, int], Any]:
        found = {}
        with reading(60) as read:
            for question in questions().values():
                for number, filters in enumerate(FILTERS):
                    answer = read(*query(question, filters))
                    rows = [
                        {
                            name: alike(value)
                            for name, value in zip(answer.columns, row, strict=True)
                            if name not in CLOCKS
                        }
                        for row in answer.rows
                    ]
                    found[question.name, number] = rows
        return found

    redshift, postgres = both(answers)
    empty = {name for (name, number), rows in postgres.items() if number == 0 and not rows}
    absent = {"changed_numbers", "rejected_records", "source_changes"}
    assert empty <= absent, "there is something to compare"
    assert postgres["most_played_songs", 2], "there is something to compare"
    for key, rows in postgres.items():
        assert redshift[key] == rows, key


def test_every_check_finds_the_same(both: Any) -> None:
    # A scheduled run, because only its events are checked for freshness.
    context: dict[str, Any] = {}

    def load(pipeline: Pipeline, _: Warehouse) -> None:
        context.update(pipeline.context(*DAYS, run_id="scheduled__both"))
        for task_id in pipeline.run_tasks(context):
            if task_id == "check_quality":
                break

    def damaged(pipeline: Pipeline, warehouse: Warehouse) -> list[tuple[Any, ...]]:
        for statement in DAMAGE:
            warehouse.client.execute(statement.encode())
        for task_id in ("audit_staged", "check_quality"):
            with suppress(AirflowException):
                pipeline.run_task(task_id, context)
        return [
            tuple(map(alike, row))
            for row in warehouse.rows(
                "select task_id, check_name, severity, scope, value, limit_value, passed"
                " from quality_results order by task_id, check_name, checked_at"
            )
        ]

    both(load)
    redshift, postgres = both(damaged)
    broken = {name for _, name, *_, passed in postgres if not passed}
    assert len(broken) >= 15, "the damage is found"
    assert redshift == postgres


def test_durations_keep_their_fraction(both: Any) -> None:
    both(lambda pipeline, _: pipeline.run(*DAYS))
    seconds = "select stage_seconds, load_seconds, check_seconds from load_runs"
    for [row] in both(lambda _, warehouse: warehouse.rows(seconds)):
        assert any(value != int(value) for value in row)


def test_no_read_lock_is_held_between_checks(
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sparkify import checks

    events = json.dumps(play("2018-11-15 10:00:00"))
    bucket.put("log_data/2018/11/2018-11-15-events.json", events)
    held: list[int] = []
    run_check = checks.run_check

    def counted(connection: Any, check: checks.Check) -> checks.Result:
        result = run_check(connection, check)
        held.append(
            redshift_warehouse.value(
                "select count(*) from pg_locks join pg_class on relation = pg_class.oid "
                "where relkind = 'r' and relnamespace = 'public'::regnamespace"
            )
        )
        return result

    monkeypatch.setattr(checks, "run_check", counted)
    redshift_pipeline.run(*DAYS)
    assert held
    assert not any(held)
