"""Who may read what: a reader's login sees no name, an analyst's all of the star and no more."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSkipException

from local.tools.pipeline import Pipeline
from sparkify.operators.grant_access import ANALYST, READER, GrantAccessOperator
from tests.support.dags import task_of
from tests.support.environment import SERVER
from tests.support.sources import TestSource, play, song
from tests.support.warehouse import Warehouse

Login = Callable[[str], Warehouse]

DAY = ("2018-11-15", "2018-11-16")
PERSONAL = re.compile("Ada|Lovelace|London|Mozilla|BROKEN")


@pytest.fixture
def schema(dags: dict[str, DAG], warehouse: Warehouse) -> Pipeline:
    return Pipeline(dags["sparkify_schema"], access=True)


@pytest.fixture
def loaded(dags: dict[str, DAG], source: TestSource, warehouse: Warehouse) -> Warehouse:
    source.songs(song("SO1"))
    source.events(
        *(play(f"2018-11-15 {hour}:00:00", itemInSession=hour) for hour in range(10, 24)),
        play("2018-11-15 12:30:00", userId="2", level="paid", sessionId=2),
        play("2018-11-15 13:30:00", userId="2", sessionId=2, song="BjÃ¶rk"),
    )
    path = source.lines("2018-11-16", '{"firstName": "BROKEN"')
    assert path
    pipeline = Pipeline(dags["sparkify"])
    pipeline.run(*DAY)
    return warehouse


@pytest.fixture
def login(warehouse: Warehouse) -> Iterator[Login]:
    """Connects as a user of a role, with the role's schema as its only one."""
    name = warehouse.client.info.dbname
    with ExitStack() as opened:

        def connect(role: str) -> Warehouse:
            user = f"{role}_{name}"
            warehouse.client.execute(f"create role {user} login in role {role}".encode())
            opened.callback(warehouse.client.execute, f"drop role {user}".encode())
            uri = psycopg.conninfo.make_conninfo(SERVER.uri(name), user=user)
            client = psycopg.connect(uri, autocommit=True)
            opened.enter_context(client)
            if role == READER:
                client.execute(f"set search_path to {READER}".encode())
            return Warehouse(client)

        yield connect


def grant(schema: Pipeline) -> None:
    schema.run_task("grant_access", schema.context())


def reads(one: Warehouse, relations: str) -> set[str]:
    """The relations of all schemas that a login may read."""
    return set(
        one.column(
            "select case nspname when 'public' then relname else nspname || '.' || relname end "
            "from pg_class inner join pg_namespace on relnamespace = pg_namespace.oid "
            f"where nspname in ({relations}) and relkind in ('r', 'v') "
            "and has_any_column_privilege(pg_class.oid, 'select')"
        )
    )


def test_a_reader_sees_the_star_and_no_name(
    loaded: Warehouse, schema: Pipeline, login: Login, dags: dict[str, DAG]
) -> None:
    grant(schema)
    reader = login(READER)
    task = task_of(dags["sparkify_schema"], "grant_access", GrantAccessOperator)
    views = {*task.views, *task.questions}
    assert reads(reader, f"'public', '{READER}'") == {f"{READER}.{view}" for view in views}
    shown = {view: reader.rows(f"select * from {view}") for view in views}
    assert not [view for view, rows in shown.items() if PERSONAL.search(str(rows))]
    assert [view for view, rows in shown.items() if not rows] == []
    for table in ("songplays", "users", "time", "songs", "song_days"):
        assert len(shown[table]) == loaded.count(table)
    assert shown["most_played_songs"] == loaded.rows("select * from most_played_songs")


@pytest.mark.parametrize(
    "query",
    [
        "select first_name from public.users",
        "select 1 from public.users",
        "select location from public.songplays",
        "select * from public.staging_events",
        "select * from public.staging_songs",
        "select * from public.rejected_rows",
        "select * from public.user_events",
        "select * from public.listeners_by_place",
        "select * from public.file_ledger",
        "insert into sparkify_reader.users (user_id) values (9)",
        "update sparkify_reader.users set level = 'paid'",
        "delete from sparkify_reader.songplays",
        "create table sparkify_reader.mine (number integer)",
        "drop view sparkify_reader.users",
    ],
)
def test_a_reader_may_do_nothing_else(
    query: str, loaded: Warehouse, schema: Pipeline, login: Login
) -> None:
    grant(schema)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        login(READER).client.execute(query.encode())


@pytest.mark.parametrize("column", ["first_name", "last_name", "location", "user_agent"])
def test_the_reader_s_views_have_no_personal_column(
    column: str, schema: Pipeline, login: Login
) -> None:
    grant(schema)
    having = (
        "select relname from pg_class inner join pg_attribute on pg_class.oid = attrelid "
        f"where relnamespace = '{READER}'::regnamespace and attname = '{column}' order by 1"
    )
    # An artist's place is the catalogue's.
    expected = ["artists", "dim_artists"] if column == "location" else []
    assert login(READER).column(having) == expected


def test_an_analyst_reads_the_star_with_names_and_writes_nothing(
    loaded: Warehouse, schema: Pipeline, login: Login, dags: dict[str, DAG]
) -> None:
    grant(schema)
    analyst = login(ANALYST)
    task = task_of(dags["sparkify_schema"], "grant_access", GrantAccessOperator)
    assert reads(analyst, f"'public', '{READER}'") == set(task.analysed)
    assert ("Ada", "Lovelace") in analyst.rows("select first_name, last_name from users")
    for query in ("delete from users", "select * from rejected_rows", "create table mine (n int)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            analyst.client.execute(query.encode())


def test_it_is_done_on_request_and_from_then_on_at_every_run(
    loaded: Warehouse, schema: Pipeline, login: Login
) -> None:
    unasked = Pipeline(schema.dag, access=False)
    with pytest.raises(AirflowSkipException, match="set the param access"):
        grant(unasked)
    assert not loaded.rows(f"select 1 from pg_namespace where nspname = '{READER}'")
    grant(schema)
    reader, analyst = login(READER), login(ANALYST)
    # An upgrade that drops what it cannot replace.
    loaded.client.execute("drop view most_played_songs")
    loaded.client.execute(f"drop view {READER}.users cascade".encode())
    unasked.run_task("create_answers", unasked.context())
    grant(unasked)
    assert reader.rows("select user_id from users order by 1") == [(1,), (2,)]
    assert analyst.rows("select * from most_played_songs")
    grant(unasked)


def test_recreated_tables_are_granted_again(schema: Pipeline, login: Login) -> None:
    grant(schema)
    recreate: Any = Pipeline(schema.dag, access=False, recreate=True)
    for task_id in recreate.order():
        recreate.run_task(task_id, recreate.context())
    assert login(READER).rows("select * from users") == []
    assert login(ANALYST).rows("select * from user_events") == []
