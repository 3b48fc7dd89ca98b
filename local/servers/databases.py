"""Temporary databases in the embedded PostgreSQL, with the project's tables."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from airflow.sdk import DAG

from local.deployment.environment import WAREHOUSE_CONNECTION
from local.servers.postgres import EmbeddedPostgres
from local.tools.pipeline import Pipeline


def execute(server: EmbeddedPostgres, statement: str) -> None:
    """Run a statement outside a transaction, such as CREATE DATABASE."""
    with psycopg.connect(server.uri("postgres"), autocommit=True) as client:
        client.execute(statement.encode())


@contextmanager
def database(server: EmbeddedPostgres, name: str, like: str = "template1") -> Iterator[str]:
    """Create a database and drop it afterwards, even if it is still in use."""
    execute(server, f"drop database if exists {name} with (force)")
    # Copying the files takes half as long as the default, which logs every page of them.
    execute(server, f"create database {name} template {like} strategy file_copy")
    try:
        yield name
    finally:
        execute(server, f"drop database {name} with (force)")


def use_database(server: EmbeddedPostgres, name: str) -> None:
    """Point this process's connection ``sparkify_warehouse`` at a database."""
    os.environ[WAREHOUSE_CONNECTION] = server.connection(name)


def create_tables(server: EmbeddedPostgres, name: str, schema: DAG) -> None:
    """Create the tables with the DAG ``sparkify_schema``."""
    use_database(server, name)
    pipeline = Pipeline(schema)
    for task_id in ("migrate_tables", "create_tables", "create_views", "create_answers"):
        pipeline.run_task(task_id, pipeline.context())
