"""Hands on the warehouse while runs are at work: each ends in a sentence, or in another try."""

import json
import os
import re
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redshift_connector
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from local.servers.databases import execute
from local.tools.pipeline import Pipeline
from sparkify.warehouse import UnreachableError, WarehouseError, explain, session, warehouse_hook
from tests.reference import expected
from tests.support.environment import SERVER
from tests.support.sources import TestSource, play, song, visit
from tests.support.warehouse import Warehouse

DAY = ("2018-11-15", "2018-11-16")


@pytest.fixture(autouse=True)
def world(source: TestSource) -> TestSource:
    source.events(
        play("2018-11-15 10:00:00"),
        play("2018-11-15 10:10:00", userId="2", itemInSession=1, song="BjÃ¶rk"),
        visit("2018-11-15 11:00:00", itemInSession=2, level="paid"),
    )
    source.songs(song("SO1"))
    return source


def run_until_it_passes(pipeline: Pipeline, seconds: float = 30.0) -> int:
    """One run whose tasks are tried again after each error that may pass; how many did not."""
    context = pipeline.context(*DAY)
    failures, deadline = 0, time.monotonic() + seconds
    for task_id in pipeline.order():
        while True:
            try:
                pipeline.run_task(task_id, context)
            except AirflowFailException:
                raise
            except AirflowSkipException:
                pass
            except Exception:
                failures += 1
                assert time.monotonic() < deadline, f"{task_id} did not pass"
                continue
            break
    return failures


@pytest.mark.parametrize("table", ["users", "songplays", "hour_loads", "file_ledger"])
def test_a_table_that_was_dropped_is_told_of_and_made_again(
    table: str, pipeline: Pipeline, warehouse: Warehouse, world: TestSource, dags: dict[str, DAG]
) -> None:
    warehouse.client.execute(f"drop table {table} cascade")
    with pytest.raises(AirflowFailException, match=rf'"{table}" .*sparkify_schema'):
        pipeline.run(*DAY)
    schema = Pipeline(dags["sparkify_schema"])
    for task_id in ("create_tables", "create_views", "create_answers"):
        schema.run_task(task_id, schema.context())
    pipeline.run(*DAY)
    assert warehouse.contents() == expected(world.root)


@pytest.mark.parametrize(
    "alteration",
    [
        "alter table songplays drop column location cascade",
        "alter table users alter column first_name type integer using null",
        "alter table time add column note text not null",
    ],
)
def test_a_table_that_was_altered_is_told_of(
    alteration: str, pipeline: Pipeline, warehouse: Warehouse
) -> None:
    for view in ("dim_users", "dim_time", "fact_songplays"):
        warehouse.client.execute(f"drop view {view} cascade")
    warehouse.client.execute(alteration)
    with pytest.raises(AirflowFailException, match=r"run the DAG sparkify_schema"):
        pipeline.run(*DAY)


def test_a_column_that_was_made_too_short_is_told_of(
    pipeline: Pipeline, warehouse: Warehouse
) -> None:
    warehouse.client.execute("alter table user_events alter column first_name type varchar(1)")
    with pytest.raises(AirflowFailException, match="longer than its column: value too long"):
        pipeline.run(*DAY)


def test_what_redshift_says_is_explained_too() -> None:
    said = {"S": "ERROR", "C": "42501", "M": "permission denied for relation users"}
    error = explain(redshift_connector.error.ProgrammingError(said))
    assert isinstance(error, AirflowFailException)
    assert "may not do this: permission denied for relation users. Grant" in str(error)
    passing = redshift_connector.error.ProgrammingError({"C": "XX000", "M": "1023"})
    assert isinstance(explain(passing), WarehouseError)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("insert into users (user_id, last_seen_at) values (1, now())", "users_pkey"),
        ("insert into users values (2, 'Ada')", 'column "last_seen_at"'),
        ("select cast('Ada' as integer)", "22P02: invalid input syntax for type integer: '…'"),
        ("select cast(E'Ada \"L\"\\n''x' as date)", "syntax for type date: '…'"),
    ],
)
def test_an_explained_error_quotes_no_value(
    warehouse: Warehouse, statement: str, told: str
) -> None:
    warehouse.client.execute("insert into users values (1, 'Ada', 'L', 'F', 'free', now())")
    with pytest.raises(psycopg.Error) as failed:
        warehouse.client.execute(statement.encode())
    assert told in (text := str(explain(failed.value)))
    assert not re.search("Ada|[(]1[)]", text)


def test_neither_does_redshift_s() -> None:
    message = "Invalid digit, Value 'A', Pos 0, Type: Integer"
    said = {"C": "XX000", "M": message, "D": f"error:  {message}\ncontext:   Ada"}
    assert str(explain(redshift_connector.error.ProgrammingError(said))).endswith(
        "error XX000: Invalid digit, Value '…', Pos 0, Type: Integer"
    )


def test_a_traceback_ends_before_the_driver_s_error(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError) as failed, session(warehouse_hook()) as cursor:
        cursor.execute("select cast('Ada' as integer)")
    assert "Ada" not in "".join(traceback.format_exception(failed.value)).replace(
        "\"select cast('Ada' as integer)\"", ""
    )


@pytest.fixture
def reader(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The warehouse's connection is that of a user who may only read."""
    role = f"reader_{warehouse.client.info.dbname}"
    warehouse.client.execute(f"create role {role}")
    warehouse.client.execute(f"grant select on all tables in schema public to {role}")
    connection = json.loads(os.environ["AIRFLOW_CONN_SPARKIFY_WAREHOUSE"])
    connection["extra"] = {**connection.get("extra", {}), "options": f"-c role={role}"}
    monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", json.dumps(connection))
    yield
    warehouse.client.execute(f"drop owned by {role}")
    warehouse.client.execute(f"drop role {role}")


@pytest.mark.usefixtures("reader")
def test_a_user_without_rights_is_told_what_to_grant(pipeline: Pipeline) -> None:
    with pytest.raises(AirflowFailException, match=r"may not .*permission denied .*Grant"):
        pipeline.run(*DAY)


@contextmanager
def repeated(action: Callable[[], Any], seconds: float) -> Iterator[None]:
    """Something is done again and again beside the block, for so long."""
    over = time.monotonic() + seconds

    def repeat() -> None:
        while time.monotonic() < over:
            action()
            time.sleep(0.005)

    thread = threading.Thread(target=repeat)
    thread.start()
    yield
    thread.join()


def test_sessions_that_the_server_ends_all_the_time_lose_nothing(
    pipeline: Pipeline, warehouse: Warehouse, world: TestSource
) -> None:
    others = (
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()"
    )
    with repeated(lambda: warehouse.client.execute(others), seconds=1.5):
        failures = run_until_it_passes(pipeline)
    assert failures > 0
    assert warehouse.contents() == expected(world.root)
    assert warehouse.column("select count(*) from quality_results where not passed") == [0]


def test_a_lock_that_somebody_holds_delays_and_loses_nothing(
    pipeline: Pipeline, warehouse: Warehouse, world: TestSource
) -> None:
    with psycopg.connect(SERVER.uri(warehouse.client.info.dbname)) as other:
        other.execute("lock table songplays, users, load_runs in access exclusive mode")
        threading.Timer(1.0, other.rollback).start()
        began = time.monotonic()
        pipeline.run(*DAY)
    assert time.monotonic() - began >= 1
    assert warehouse.contents() == expected(world.root)


def test_a_warehouse_that_restarts_between_tasks_loses_nothing(
    pipeline: Pipeline, warehouse: Warehouse, world: TestSource
) -> None:
    name = warehouse.client.info.dbname
    context = pipeline.context(*DAY)
    for task_id in pipeline.order():
        with pytest.MonkeyPatch.context() as down:
            down.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", SERVER.connection(f"no_{name}"))
            with pytest.raises(UnreachableError, match=f"database no_{name}"):
                pipeline.run_task(task_id, context)
        pipeline.run_task(task_id, context)
    assert warehouse.contents() == expected(world.root)


@pytest.fixture
def small_disk(warehouse: Warehouse) -> Iterator[Path]:
    """What the warehouse makes anew lies on a disk of three megabytes."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk, name = SERVER.folder / "disk", warehouse.client.info.dbname
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], check=True)
    try:
        server = SERVER.data.stat()
        os.chown(disk, server.st_uid, server.st_gid)
        execute(SERVER, f"create tablespace small location '{disk}'")
        warehouse.client.execute(f"alter database {name} set default_tablespace = small")
        yield disk
        for table in warehouse.column("select tablename from pg_tables where tablespace = 'small'"):
            warehouse.client.execute(f"drop table {table}")
        execute(SERVER, "drop tablespace small")
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_full_disk_loses_nothing_once_there_is_room(
    pipeline: Pipeline, warehouse: Warehouse, world: TestSource, small_disk: Path
) -> None:
    plays = [
        play("2018-11-15 12:00:00", itemInSession=number, location=f"{number} {'far ' * 100}")
        for number in range(10_000)
    ]
    world.events(*plays)
    context = pipeline.context(*DAY)
    for _ in range(2):
        with pytest.raises(WarehouseError, match=r"53100: .*No space left on device"):
            pipeline.run_task("stage_events", context)
    assert warehouse.count("rejected_rows") == warehouse.count("file_ledger") == 0
    subprocess.run(["mount", "-o", "remount,size=100m", small_disk], check=True)
    pipeline.run_in(context)
    assert warehouse.contents() == expected(world.root)
