"""``make redshift-sql``: every statement of a load on Redshift, as the stand-in was sent it."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from local.deployment.environment import SOURCE_VARIABLE, STORAGE_CONNECTION, WAREHOUSE_CONNECTION
from local.deployment.layout import Layout
from local.redshift.server import RedshiftServer, redshift
from local.servers.postgres import METADATA, EmbeddedPostgres
from local.servers.s3 import Storage, storage
from local.simulator import World, simulate

BUCKET = "source"
RANGE = ("2018-11-01", "2018-11-03")
HOUR = ("2018-11-01T10:00:00", "2018-11-01T11:00:00")


def main() -> int:
    """Load a small simulated source, and print what Redshift was told."""
    with tempfile.TemporaryDirectory(prefix="sparkify-") as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        postgres.start()
        try:
            with storage() as s3, redshift(postgres, s3) as server:
                _fill(Path(folder) / "source", s3)
                _lead_here(Path(folder), s3, server)
                for title, statements in _loads(Layout(Path.cwd()), server):
                    _print(title, statements)
        finally:
            postgres.stop()
    return 0


def _fill(folder: Path, s3: Storage) -> None:
    simulate(folder, World(start=date(2018, 11, 1), days=2, users=10, songs=10))
    s3.make_bucket(BUCKET)
    s3.upload(folder, BUCKET)


def _lead_here(home: Path, s3: Storage, server: RedshiftServer) -> None:
    os.environ |= {
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
        WAREHOUSE_CONNECTION: server.connection(METADATA),
        STORAGE_CONNECTION: s3.connection(),
        SOURCE_VARIABLE: f"s3://{BUCKET}",
    }


def _loads(layout: Layout, server: RedshiftServer) -> Iterator[tuple[str, list[str]]]:
    # Airflow reads its settings when it is imported, so only now.
    from airflow.dag_processing.dagbag import DagBag

    from local.tools.pipeline import Pipeline

    dags = DagBag(dag_folder=str(layout.root / "dags")).dags
    schema, pipeline = Pipeline(dags["sparkify_schema"]), Pipeline(dags["sparkify"])
    with _said(server) as statements:
        schema.run_task("create_tables", schema.context())
    yield "The tables", statements
    for title, window in {
        "A range, with its songs": RANGE,
        "The same again: no song is new": RANGE,
        "An hour": HOUR,
    }.items():
        with _said(server) as statements:
            pipeline.run(*window)
        yield title, statements


@contextmanager
def _said(server: RedshiftServer) -> Iterator[list[str]]:
    """What the server is told in the meantime."""
    statements: list[str] = []
    before = len(server.statements)
    yield statements
    statements += server.statements[before:]


def _print(title: str, statements: list[str]) -> None:
    print(f"-- {title}: {len(statements)} statements\n")
    for statement in statements:
        hidden = re.sub(
            r"(credentials\s+)'[^']*'", r"\1'…'", statement.strip(), flags=re.IGNORECASE
        )
        print(f"{hidden.rstrip(';')};\n")


if __name__ == "__main__":
    sys.exit(main())
