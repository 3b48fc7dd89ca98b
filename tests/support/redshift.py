"""A warehouse on the stand-in for Redshift, for tests."""

import gc
import itertools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from airflow.sdk import DAG

from local.redshift import journal
from local.redshift.server import RedshiftServer, redshift
from local.servers.databases import database, execute
from local.servers.postgres import EmbeddedPostgres
from local.servers.s3 import Storage
from local.tools.pipeline import Pipeline
from sparkify.staging import copy_log
from tests.support.warehouse import Warehouse

_numbers = itertools.count(1)


@contextmanager
def refused_by_redshift() -> Iterator[None]:
    """
    Around an attempt to connect that is refused.

    The driver leaves the socket open then, for the garbage collector to find: it is made to do so
    here, or it would warn in the midst of some later test.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "unclosed <socket", ResourceWarning)
        yield
        gc.collect()


@pytest.fixture(scope="session")
def redshift_server(server: EmbeddedPostgres, s3: Storage) -> Iterator[RedshiftServer]:
    """The stand-in, for all tests; each has databases of its own."""
    with redshift(server, s3) as made, pytest.MonkeyPatch.context() as patch:
        # Its views show a COPY late, so that one has to look twice, but not half a second late.
        patch.setattr(journal, "LAG", 0.03)
        patch.setattr(copy_log, "FIRST_PAUSE", 0.02)
        yield made


@pytest.fixture(scope="session")
def empty_redshift(
    server: EmbeddedPostgres, redshift_server: RedshiftServer, dags: dict[str, DAG]
) -> str:
    """A database with the project's tables as Redshift has them."""
    execute(server, "create database empty_redshift")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(
            "AIRFLOW_CONN_SPARKIFY_WAREHOUSE", redshift_server.connection("empty_redshift")
        )
        schema = Pipeline(dags["sparkify_schema"])
        for task_id in ("migrate_tables", "create_tables", "create_views", "create_answers"):
            schema.run_task(task_id, schema.context())
    execute(
        server,
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'empty_redshift'",
    )
    return "empty_redshift"


@pytest.fixture
def redshift_warehouse(
    server: EmbeddedPostgres,
    redshift_server: RedshiftServer,
    empty_redshift: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Warehouse]:
    """A warehouse behind the stand-in, which ``sparkify_warehouse`` leads to from then on."""
    name = f"redshift_{next(_numbers)}"
    with database(server, name, like=empty_redshift):
        monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", redshift_server.connection(name))
        with psycopg.connect(server.uri(name), autocommit=True) as client:
            yield Warehouse(client)


@pytest.fixture
def redshift_pipeline(dags: dict[str, DAG], redshift_warehouse: Warehouse) -> Pipeline:
    """The DAG ``sparkify`` on the stand-in."""
    return Pipeline(dags["sparkify"])
