"""The roles on Redshift: created and granted in its own words, which the stand-in checks."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from airflow.sdk import DAG
from redshift_connector.error import ProgrammingError

from local.redshift.server import RedshiftServer
from local.tools.pipeline import Pipeline
from sparkify.operators.grant_access import ANALYST, READER
from sparkify.warehouse import session, warehouse_hook
from tests.support.warehouse import Warehouse


@pytest.fixture
def cursor(redshift_warehouse: Warehouse) -> Iterator[Any]:
    with closing(warehouse_hook().get_conn()) as connection, closing(connection.cursor()) as cursor:
        yield cursor


def test_roles_are_created_and_granted(
    redshift_warehouse: Warehouse, redshift_server: RedshiftServer, dags: dict[str, DAG]
) -> None:
    schema = Pipeline(dags["sparkify_schema"], access=True)
    before = len(redshift_server.statements)
    for _ in range(2):
        schema.run_task("grant_access", schema.context())
    said = {one.text.lower() for one in redshift_server.statements[before:]}
    assert f"grant usage on schema {READER} to role {READER}" in said
    assert f"grant select on all tables in schema {READER} to role {READER}" in said
    assert any(text.startswith("grant select on public.songplays, ") for text in said)
    allowed = (
        "select count(*) from pg_class where relnamespace = '{}'::regnamespace "
        "and has_table_privilege('{}', oid, 'select')"
    )
    assert redshift_warehouse.value(allowed.format(READER, READER)) > 25
    assert redshift_warehouse.value(allowed.format("public", READER)) == 0
    assert redshift_warehouse.value(allowed.format("public", ANALYST)) > 25
    with session(warehouse_hook()) as cursor:
        cursor.execute(f"select user_id, gender from {READER}.users")
        assert not cursor.fetchall()
        cursor.execute("select role_name from svv_roles where role_name = %s", (READER,))
        assert [name for (name,) in cursor.fetchall()] == [READER]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("create role if not exists some_role", "CREATE ROLE"),
        ("create role some_role login", "CREATE ROLE"),
        ("create role sparkify", "already exists"),
        ("select rolname from pg_roles", "pg_roles"),
        (f"grant {READER} to sparkify", "syntax error"),
        (f"grant select on users to {ANALYST}", f'user "{ANALYST}" does not exist'),
        ("grant select on users to role no_role", 'role "no_role" does not exist'),
    ],
)
def test_the_stand_in_refuses_what_redshift_refuses(
    statement: str, message: str, cursor: Any, dags: dict[str, DAG]
) -> None:
    schema = Pipeline(dags["sparkify_schema"], access=True)
    schema.run_task("grant_access", schema.context())
    with pytest.raises(ProgrammingError, match=message):
        cursor.execute(statement)


def test_the_stand_in_takes_what_redshift_documents(cursor: Any, dags: dict[str, DAG]) -> None:
    schema = Pipeline(dags["sparkify_schema"], access=True)
    schema.run_task("grant_access", schema.context())
    for statement in (
        'create role some_role externalid "ABC123"',
        "grant select on table users to role some_role",
        "grant select on users to sparkify, role some_role",
        f"grant role {READER} to sparkify",
        f"grant role some_role to role {ANALYST}",
        "revoke select on users from role some_role",
        "create role another_role",
    ):
        cursor.execute(statement)
    cursor.execute("rollback")
