"""An upgrade: the tables of the first release, with what was loaded into them, become today's."""

import copy
import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from local.servers.databases import database
from local.servers.postgres import EmbeddedPostgres
from local.tools.pipeline import Pipeline
from sparkify.macros import sql_files
from sparkify.operators.migrate_tables import MigrateTablesOperator
from sparkify.warehouse import POSTGRES, REDSHIFT, connected, warehouse_hook
from tests.reference import expected
from tests.support.dags import task_of
from tests.support.sources import TestSource, play, song
from tests.support.warehouse import Warehouse

_numbers = itertools.count(1)

FIRST_RELEASE = Path(__file__).with_name("first_release")
DAY = "2018-11-15"
EVENTS = [
    play(f"{DAY} 10:00:00"),
    play(f"{DAY} 10:30:00", userId="2", sessionId=2, firstName="Grace", song="Unknown"),
    play(f"{DAY} 11:10:00", itemInSession=1, level="paid"),
]
SONGS = [
    song("SOTEST01"),
    song("SOTEST02", title="Second Light", artist_id="ARTEST02", artist_name="Others"),
]
"""What the first release has loaded, and a line that it has rejected."""

COLUMNS = """
select relname, attname, format_type(atttypid, atttypmod), attcollation, attnotnull
from pg_attribute
join pg_class on attrelid = pg_class.oid
where relkind = 'r' and attnum > 0 and not attisdropped
    and relnamespace = 'public'::regnamespace
order by 1, 2
"""
DEFAULTS = """
select relname, attname, pg_get_expr(adbin, adrelid)
from pg_attrdef
join pg_class on adrelid = pg_class.oid
join pg_attribute on attrelid = adrelid and attnum = adnum
where relnamespace = 'public'::regnamespace
order by 1, 2
"""
INDEXES = "select indexdef from pg_indexes where schemaname = 'public' order by 1"
STAR = ("songplays", "users", "songs", "artists", "time", "user_levels", "user_events")


class Upgrade:
    """A warehouse as the first release left it."""

    def __init__(
        self,
        engine: str,
        source: str,
        warehouse: Warehouse,
        fresh: Warehouse,
        dags: dict[str, DAG],
    ) -> None:
        self.engine = engine
        self.warehouse = warehouse
        self.fresh = fresh
        self.schema = Pipeline(dags["sparkify_schema"], recreate=False)
        self.pipeline = Pipeline(dags["sparkify"])
        with connected(warehouse_hook()) as connection:
            cursor = connection.cursor()
            for file in (engine, "views", "rows"):
                text = (FIRST_RELEASE / f"{file}.sql").read_text().replace("SOURCE", source)
                for statement in text.split(";\n")[:-1]:
                    cursor.execute(statement)

    def run(self) -> None:
        """Run the DAG ``sparkify_schema``."""
        self.schema.run_in(self.schema.context())

    def structure(self, warehouse: Warehouse) -> list[Any]:
        """What the tables of a warehouse are made of."""
        # Redshift cannot drop the default with which it adds a column that is not null.
        queries = (COLUMNS, INDEXES, DEFAULTS) if self.engine == POSTGRES else (COLUMNS, INDEXES)
        return [warehouse.rows(query) for query in queries]

    def star(self) -> dict[str, list[tuple[Any, ...]]]:
        """What is in the star."""
        return {
            table: sorted(self.warehouse.rows(f"select * from {table}"), key=str) for table in STAR
        }


@pytest.fixture
def files(source: TestSource, monkeypatch: pytest.MonkeyPatch) -> TestSource:
    """The files that the first release has read."""
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "0.5")
    source.lines(DAY, *map(json.dumps, EVENTS), "broken")
    source.songs(*SONGS)
    return source


@pytest.fixture(params=[POSTGRES, REDSHIFT])
def upgrade(request: pytest.FixtureRequest, files: TestSource) -> Iterator[Upgrade]:
    """The first release's warehouse, on either engine, and one created today."""
    server, dags = request.getfixturevalue("server"), request.getfixturevalue("dags")
    source, leads_to, empty = files.url, server, request.getfixturevalue("empty_database")
    if request.param == REDSHIFT:
        bucket = request.getfixturevalue("bucket")
        bucket.fill(files)
        source, leads_to = bucket.url, request.getfixturevalue("redshift_server")
        empty = request.getfixturevalue("empty_redshift")
    with ExitStack() as opened:
        old = opened.enter_context(database(server, f"first_release_{next(_numbers)}"))
        fresh = opened.enter_context(
            database(server, f"created_today_{next(_numbers)}", like=empty)
        )
        patch = opened.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", leads_to.connection(old))
        first, today = (
            Warehouse(opened.enter_context(psycopg.connect(server.uri(name), autocommit=True)))
            for name in (old, fresh)
        )
        yield Upgrade(request.param, source, first, today, dags)


def test_the_first_release_s_tables_become_today_s_and_keep_their_rows(
    upgrade: Upgrade, files: TestSource
) -> None:
    before = upgrade.star()
    upgrade.run()
    assert upgrade.structure(upgrade.warehouse) == upgrade.structure(upgrade.fresh)
    assert upgrade.star() == before
    states = "select state, plays from hour_states order by hour_start"
    assert upgrade.warehouse.rows(states) == [("loaded", 2), ("loaded", 1)]
    rejects = "select line_number, raw_text from rejected_rows"
    assert upgrade.warehouse.rows(rejects) == [(4, "broken")]

    for hour in (10, 11):
        upgrade.pipeline.run(f"{DAY}T{hour}:00", f"{DAY}T{hour + 1}:00")
    assert upgrade.star() == before
    assert upgrade.warehouse.contents() == expected(files.root)
    assert upgrade.warehouse.rows(states) == [("loaded", 2), ("loaded", 1)]


def test_a_migration_is_applied_once(upgrade: Upgrade) -> None:
    upgrade.run()
    applied = upgrade.warehouse.rows("select * from schema_migrations order by 1")
    assert [name for name, _ in applied] == list(sql_files("migrations"))
    upgrade.run()
    assert upgrade.warehouse.rows("select * from schema_migrations order by 1") == applied


def test_an_hour_that_was_outdated_stays_so(upgrade: Upgrade) -> None:
    upgrade.warehouse.client.execute(
        "update hour_loads set events_in_files = 9 where hour_start = '2018-11-15 10:00'"
    )
    upgrade.run()
    states = upgrade.warehouse.column("select state from hour_states order by hour_start")
    assert states == ["outdated", "loaded"]


def test_a_migration_that_fails_leaves_nothing_of_itself(upgrade: Upgrade) -> None:
    broken = copy.copy(task_of(upgrade.schema.dag, "migrate_tables", MigrateTablesOperator))
    broken.migrations = {
        "0001_readings": "migrations/0001_readings.sql",
        "0002_broken": "alter table users add column height bigint; select nonsense",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(upgrade.schema.dag.task_dict, "migrate_tables", broken)
        with pytest.raises(Exception, match="nonsense"):
            upgrade.run()
    assert upgrade.warehouse.column("select migration from schema_migrations") == ["0001_readings"]
    assert not upgrade.warehouse.rows("select 1 from pg_attribute where attname = 'height'")
    upgrade.run()
    assert upgrade.structure(upgrade.warehouse) == upgrade.structure(upgrade.fresh)


def test_tables_that_were_changed_by_hand_end_in_a_sentence(upgrade: Upgrade) -> None:
    upgrade.warehouse.client.execute("alter table file_ledger add column reading bigint")
    with pytest.raises(AirflowFailException, match="with the param recreate"):
        upgrade.run()
    assert not upgrade.warehouse.rows("select 1 from pg_class where relname = 'schema_migrations'")


def test_tables_of_a_newer_version_are_left_alone(upgrade: Upgrade) -> None:
    upgrade.run()
    upgrade.warehouse.client.execute(
        "insert into schema_migrations values ('9999_from_the_future', now())"
    )
    with pytest.raises(AirflowFailException, match="9999_from_the_future is unknown to this one"):
        upgrade.run()


def test_tables_from_before_migrations_were_recorded_are_recorded(
    dags: dict[str, DAG], warehouse: Warehouse
) -> None:
    # As they were before the first migration that was recorded.
    for change in (
        "drop table schema_migrations, forgotten_users",
        "alter table file_ledger drop column forgotten_count, drop column continued_count",
        "alter table load_runs drop column forgotten, drop column erased",
    ):
        warehouse.client.execute(change)
    warehouse.client.execute("insert into users values (1, null, null, null, 'free', now())")
    schema = Pipeline(dags["sparkify_schema"], recreate=False)
    schema.run_in(schema.context())
    applied = warehouse.column("select migration from schema_migrations order by 1")
    assert applied == list(sql_files("migrations"))
    assert warehouse.count("users") == 1


def test_new_tables_need_no_migration(dags: dict[str, DAG], server: EmbeddedPostgres) -> None:
    with (
        database(server, "brand_new") as name,
        pytest.MonkeyPatch.context() as patch,
        psycopg.connect(server.uri(name), autocommit=True) as client,
    ):
        patch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", server.connection(name))
        for recreate in (False, True):
            schema = Pipeline(dags["sparkify_schema"], recreate=recreate)
            schema.run_in(schema.context())
            applied = Warehouse(client).column("select migration from schema_migrations order by 1")
            assert applied == list(sql_files("migrations"))
