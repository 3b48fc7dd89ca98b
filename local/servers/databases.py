"""Databases of the embedded PostgreSQL that are made for a while, with the project's tables."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from airflow.sdk import DAG

from local.deployment.environment import WAREHOUSE_CONNECTION
from local.servers.postgres import EmbeddedPostgres
from local.tools.pipeline import Pipeline


def execute(server: EmbeddedPostgres, statement: str) -> None:
    """Run a statement that no transaction may hold, such as making a database."""
    with psycopg.connect(server.uri("postgres"), autocommit=True) as client:
        client.execute(statement.encode())


@contextmanager
def database(server: EmbeddedPostgres, name: str, like: str = "template1") -> Iterator[str]:
    """Make a database, and drop it at the end with whatever still uses it."""
    execute(server, f"drop database if exists {name} with (force)")
    execute(server, f"create database {name} template {like}")
    try:
        yield name
    finally:
        execute(server, f"drop database {name} with (force)")


def lead_to(server: EmbeddedPostgres, name: str) -> None:
    """Make the connection ``sparkify_warehouse`` of this process lead to a database."""
    os.environ[WAREHOUSE_CONNECTION] = server.connection(name)


def make_tables(server: EmbeddedPostgres, name: str, schema: DAG) -> None:
    """Make the tables that the DAG ``sparkify_schema`` makes."""
    lead_to(server, name)
    pipeline = Pipeline(schema)
    for task_id in ("create_tables", "create_answers"):
        pipeline.run_task(task_id, pipeline.context())
