"""``make redshift-sql``: print and count every statement of a load on Redshift's stand-in."""

import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from local.deployment.environment import SOURCE_VARIABLE, STORAGE_CONNECTION, WAREHOUSE_CONNECTION
from local.deployment.layout import Layout
from local.redshift.server import RedshiftServer, Sent, redshift
from local.servers.postgres import METADATA, EmbeddedPostgres
from local.servers.s3 import Storage, storage
from local.simulator import World, simulate

BUCKET = "source"
RANGE = ("2018-11-01", "2018-11-03")
HOUR = ("2018-11-01T10:00:00", "2018-11-01T11:00:00")


def main() -> int:
    """Load a small simulated source and print the statements."""
    with tempfile.TemporaryDirectory(prefix="sparkify-") as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        postgres.start()
        try:
            with storage() as s3, redshift(postgres, s3) as server:
                _upload_source(Path(folder) / "source", s3)
                _configure(Path(folder), s3, server)
                counted = Table("", *Counts._fields, title="Per load, on all connections together")
                for title, statements in _loads(Layout(Path.cwd()), server):
                    _print(title, statements)
                    counted.add_row(title, *map(str, count(statements)))
                Console().print(counted)
        finally:
            postgres.stop()
    return 0


def _upload_source(folder: Path, s3: Storage) -> None:
    simulate(folder, World(start=date(2018, 11, 1), days=2, users=10, songs=10))
    s3.create_bucket(BUCKET)
    s3.upload(folder, BUCKET)


def _configure(home: Path, s3: Storage, server: RedshiftServer) -> None:
    os.environ |= {
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
        WAREHOUSE_CONNECTION: server.connection(METADATA),
        STORAGE_CONNECTION: s3.connection(),
        SOURCE_VARIABLE: f"s3://{BUCKET}",
    }


def _loads(layout: Layout, server: RedshiftServer) -> Iterator[tuple[str, list[Sent]]]:
    # Airflow reads its settings on import, so import it after they are set.
    from airflow.dag_processing.dagbag import DagBag

    from local.tools.pipeline import Pipeline

    dags = DagBag(dag_folder=str(layout.root / "dags")).dags
    schema = Pipeline(dags["sparkify_schema"], recreate=False)
    pipeline = Pipeline(dags["sparkify"])
    with _recorded(server) as statements:
        schema.run_in(schema.context())
    yield "Create the tables", statements
    for title, window in {
        "Load a range with its songs": RANGE,
        "Load it again, with no new songs": RANGE,
        "Load an hour": HOUR,
    }.items():
        with _recorded(server) as statements:
            pipeline.run(*window)
        yield title, statements


@contextmanager
def _recorded(server: RedshiftServer) -> Iterator[list[Sent]]:
    """Collect the statements that the server receives during the block."""
    statements: list[Sent] = []
    before = len(server.statements)
    yield statements
    statements += server.statements[before:]


class Counts(NamedTuple):
    """What a load costs: each of these is a round trip, or several."""

    statements: int
    transactions: int
    commits: int
    connections: int
    locks: int


def count(sent: Sequence[Sent]) -> Counts:
    """Count the statements of a load; BEGIN, COMMIT and ROLLBACK only as transactions."""
    verbs = [one.text.split(maxsplit=1)[0].lower() for one in sent]
    by_verb = Counter(verbs)
    return Counts(
        statements=len(verbs) - sum(by_verb[verb] for verb in ("begin", "commit", "rollback")),
        transactions=by_verb["begin"],
        commits=by_verb["commit"],
        connections=len({one.session for one in sent}),
        locks=by_verb["lock"],
    )


def _print(title: str, statements: Sequence[Sent]) -> None:
    print(f"-- {title}\n")
    for _, text in statements:
        hidden = re.sub(r"(credentials\s+)'[^']*'", r"\1'…'", text.strip(), flags=re.IGNORECASE)
        print(f"{hidden.rstrip(';')};\n")


if __name__ == "__main__":
    sys.exit(main())
