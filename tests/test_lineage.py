"""What lineage calls files and tables, and which tables it finds in the project's statements."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import Connection

from local.tools.pipeline import Pipeline
from sparkify.lineage import (
    MOST_FILES,
    Executed,
    Lineage,
    Location,
    asset,
    file_dataset,
    known_tables,
    shown_files,
    tables,
)
from sparkify.macros import in_window, sql_files, sql_folder
from sparkify.staging.names import dataset_of, staging_table
from sparkify.warehouse import connection_of, warehouse_hook
from sparkify.window import Window
from tests.support.warehouse import Warehouse

NOWHERE = Location("postgres://somewhere:5432", "db")
AWS = "redshift.amazonaws.com"

# What a statement names a table after. Of these, `extract(epoch from x)` names none of the project.
NAMED = re.compile(
    r"\b(?:from|join|using|into|update|(?:table|view)(?: if (?:not )?exists)?)\s+"
    r"(?:public\.)?(\w+)",
    re.I,
)
SUBQUERY = re.compile(r"\b(\w+) as \($", re.M)
# Changes how a table is stored or read, and no row of it.
STORAGE = re.compile(r"alter table \w+ alter diststyle auto|create statistics")


@pytest.mark.parametrize(
    ("fields", "namespace"),
    [
        ({"host": "db.example.com", "port": 5433}, "postgres://db.example.com:5433"),
        ({"host": "db.example.com"}, "postgres://db.example.com:5432"),
        ({"host": f"dw.c1.eu-west-1.{AWS}"}, "redshift://dw.eu-west-1:5439"),
        ({"host": f"dw.c1.cn-north-1.{AWS}.cn"}, "redshift://dw.cn-north-1:5439"),
        ({"host": f"wg.12.us-east-1.{AWS.replace('.', '-serverless.', 1)}", "port": 5440},
         "redshift://wg.us-east-1:5440"),
        ({"host": "10.0.0.7"}, "redshift://10.0.0.7:5439"),
    ],
)  # fmt: skip
def test_a_warehouse_is_called_what_the_provider_calls_it(
    fields: dict[str, Any], namespace: str
) -> None:
    engine = namespace.partition(":")[0]
    connection = Connection(conn_id="w", conn_type=engine, schema="db", **fields)
    assert Location.of(connection) == (namespace, "db")
    hook: Any = RedshiftSQLHook() if engine == "redshift" else PostgresHook()
    info = hook.get_openlineage_database_info(connection)
    assert namespace == f"{info.scheme}://{info.authority}"
    assert info.database == "db"


@pytest.mark.parametrize(
    ("engine", "fields", "namespace"),
    [
        ("postgres", {"host": "/run/postgresql"}, "postgres://localhost:5432"),
        ("postgres", {"host": "one,two"}, "postgres://one:5432"),
        (
            "redshift",
            {"extra": json.dumps({"iam": True, "cluster_identifier": "dw", "region": "eu-west-1"})},
            "redshift://dw.eu-west-1:5439",
        ),
    ],
)
def test_a_warehouse_without_the_name_of_a_host_has_one_too(
    engine: str, fields: dict[str, Any], namespace: str
) -> None:
    connection = Connection(conn_id="w", conn_type=engine, schema="db", **fields)
    assert Location.of(connection).namespace == namespace


def test_an_asset_has_a_name_and_says_which_warehouse() -> None:
    found = asset("songplays")
    assert found.name == "sparkify.songplays"
    assert found.uri == "x-sparkify://sparkify_warehouse/public/songplays"


def test_a_table_of_a_run_goes_by_what_it_is_modelled_on() -> None:
    table = staging_table("manual__2018", "staging_events")
    assert dataset_of(table) == dataset_of(f"{table}_kept") == "staging_events"
    assert dataset_of("session_hours") == "session_hours"
    assert list(tables([table, "incoming", "users"])) == ["staging_events", "users"]


def test_files_are_named_as_openlineage_names_them() -> None:
    assert file_dataset("s3://bucket/app/log%20data/a?b#c.json") == (
        "s3://bucket",
        "app/log%20data/a?b#c.json",
    )
    assert file_dataset("file:///srv/it%27s/a%23.json") == ("file", "/srv/it's/a#.json")


def test_of_many_files_their_folders_are_named() -> None:
    few = [f"s3://b/song_data/A/{n}.json" for n in range(MOST_FILES)]
    assert shown_files(few) == few
    many = [f"s3://b/song_data/{n % 3}/{n % 7}/{n % 11}/{n}.json" for n in range(15_000)]
    assert sorted(shown_files(many)) == sorted(
        {f"s3://b/song_data/{n % 3}/{n % 7}" for n in range(21)}
    )
    lineage = Lineage(NOWHERE)
    lineage.read_files(many)
    assert len(lineage.facets().inputs) == 21


def statements(pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    """Every statement of ``sql/``, by its file, as a run of this warehouse renders it."""
    context = pipeline.context("2018-11-15", "2018-11-16")
    environment = pipeline.dag.get_template_env()
    more = in_window(Window.of_run(context))
    for file in sorted(Path(sql_folder()).glob("**/*.sql")):
        name = file.relative_to(sql_folder()).as_posix()
        if name.startswith(("fragments/", "doctor/")):
            continue
        text = environment.get_template(name).render(context | more)
        text = re.sub(r"--.*", "", text)
        yield from ((name, one) for one in text.split(";") if one.strip())


@pytest.mark.parametrize("engine", ["pipeline", "redshift_pipeline"])
def test_the_parser_finds_every_table_of_every_statement(
    engine: str, request: pytest.FixtureRequest
) -> None:
    """Names that follow a word which a table's name follows: found without knowing any grammar."""
    pipeline = request.getfixturevalue(engine)
    connection = connection_of(warehouse_hook())
    found: set[str] = set()
    for name, statement in statements(pipeline):
        if STORAGE.search(statement):
            continue
        lineage = Lineage(Location.of(connection))
        lineage.add(Executed(statement))
        facets = lineage.facets()
        parsed = {one.name.rpartition(".")[2] for one in [*facets.inputs, *facets.outputs]}
        named = set(NAMED.findall(statement)) - set(SUBQUERY.findall(statement))
        assert parsed == set(tables(named)), f"{name}:\n{statement}"
        found |= parsed
    assert found == known_tables() - set(sql_files("questions")) - set(sql_files("views")) | {
        "readable_songplays",
        "hour_states",
    }


def test_columns_are_traced_through_the_temporary_table_of_a_dimension(
    pipeline: Pipeline, warehouse: Warehouse
) -> None:
    lineage = Lineage(NOWHERE)
    lineage.add(
        Executed("create temp table incoming as select ts as at, userid from staging_events"),
        Executed("delete from users using incoming where users.user_id = incoming.userid"),
        Executed(
            "insert into users (user_id, seen) select userid as user_id, at as seen from incoming",
            3,
        ),
        Executed("update users set level = new.level from (select level from songs) as new", 4),
    )
    facets = lineage.facets()
    assert [one.name for one in facets.inputs] == [
        "db.public.songs",
        "db.public.staging_events",
    ]
    [users] = facets.outputs
    fields = users.facets["columnLineage"].fields
    assert {
        name: [(one.name, one.field) for one in field.inputFields] for name, field in fields.items()
    } == {
        "user_id": [("db.public.staging_events", "userid")],
        "seen": [("db.public.staging_events", "ts")],
    }
    assert users.outputFacets["outputStatistics"].rowCount == 7
    assert lineage.facets(with_rows=False).outputs[0].outputFacets == {}


def test_a_check_is_stated_for_each_table_that_it_reads() -> None:
    lineage = Lineage(NOWHERE)
    lineage.check("select 1 from users inner join songs on true", "one", "error", passed=True)
    lineage.check("select 1 from users", "two", "warn", passed=False)
    stated = {
        one.name: [
            (each.assertion, each.severity, each.success)
            for each in one.inputFacets["dataQualityAssertions"].assertions
        ]
        for one in lineage.facets().inputs
    }
    assert stated == {
        "db.public.songs": [("one", "error", True)],
        "db.public.users": [("one", "error", True), ("two", "warn", False)],
    }
