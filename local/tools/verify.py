"""
``make verify``: verify that the warehouse is a function of the source.

With the DAG's operators, load the source hour by hour into one database, in shuffled order and
eight hours at a time, and in one run into another; then compare the two.
"""

import os
import random
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from rich.table import Table

from local.deployment.credentials import credentials
from local.deployment.deployment import postgres_of
from local.deployment.environment import environment
from local.deployment.layout import Layout
from local.deployment.sample import make_sample
from local.deployment.source import display_name, source_url
from local.servers.postgres import EmbeddedPostgres
from local.terminal.errors import UserError
from local.terminal.screen import Screen
from local.terminal.signals import Interrupted, handle_signals
from local.tools.contents import TableDiff, compare

CONCURRENCY = 8
STEPS = 20
"""Number of progress reports."""
HOUR = timedelta(hours=1)
SETTINGS = {
    # Failures are shown; the tasks' logs are not.
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
    # The limit decides whether a run publishes, not what it publishes.
    "AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT": "1",
}


def main() -> int:
    """Load both ways, compare and report; return an exit status that tells whether they match."""
    handle_signals()
    screen = Screen.on_stdout()
    try:
        tables = verify(Layout.here(), screen)
    except UserError as error:
        screen.print(f"\n{error}")
        return 1
    except Interrupted as interruption:
        screen.print("\nInterrupted; the databases of the comparison are dropped.")
        return 128 + interruption.number
    report(screen, tables)
    return 0 if all(table.is_equal for table in tables.values()) else 1


def verify(layout: Layout, screen: Screen) -> dict[str, TableDiff]:
    """Load the source both ways into temporary databases and compare them."""
    source = source_url(os.environ.get("SPARKIFY_SOURCE"), layout.sample)
    server = postgres_of(layout)
    was_running = server.is_running()
    with screen.live():
        if source == layout.sample.as_uri():
            with screen.step("Simulating a month of listening"):
                make_sample(layout.sample)
        if not was_running:
            with screen.step("Starting PostgreSQL"):
                server.start()
        try:
            screen.print(f"The source: {display_name(source)}")
            secret = credentials(layout.local / "credentials.json")
            os.environ.update(environment(layout, secret, server, 0, source) | SETTINGS)
            return _load_and_compare(layout, server, source, screen)
        finally:
            if not was_running:
                server.stop()


def _load_and_compare(
    layout: Layout, server: EmbeddedPostgres, source: str, screen: Screen
) -> dict[str, TableDiff]:
    # Airflow reads its settings on import, so import it after they are set.
    from airflow.dag_processing.dagbag import DagBag

    from local.servers.databases import create_tables, database, use_database
    from local.tools.pipeline import Pipeline

    dags = DagBag(dag_folder=str(layout.root / "dags")).dags
    hours = _hours(source)
    seed = _seed()
    pipeline = Pipeline(dags["sparkify"])
    name = f"verify_{os.getpid()}"
    with (
        database(server, f"{name}_hours") as by_hours,
        database(server, f"{name}_range") as by_range,
    ):
        for target in (by_hours, by_range):
            create_tables(server, target, dags["sparkify_schema"])
        title = f"Loading {len(hours)} hours in the order of SEED={seed}, {CONCURRENCY} at a time"
        with screen.step(title) as step, _user_errors():
            use_database(server, by_hours)
            random.Random(seed).shuffle(hours)  # noqa: S311 - repeatable, not secret
            for done in pipeline.run_hours(hours, CONCURRENCY):
                if done * STEPS // len(hours) > (done - 1) * STEPS // len(hours):
                    step.show("", done, len(hours))
        with screen.step("Loading the same range in one run"), _user_errors():
            use_database(server, by_range)
            end = max(hours) + HOUR
            pipeline.run(f"{min(hours)}", f"{end}")
        with screen.step("Comparing"):
            return compare(server.uri(by_hours), server.uri(by_range))


@contextmanager
def _user_errors() -> Iterator[None]:
    """Turn the message of a failed task into a UserError."""
    from airflow.sdk.exceptions import AirflowFailException

    try:
        yield
    except AirflowFailException as failure:
        raise UserError("\n".join([str(failure), *getattr(failure, "__notes__", ())])) from failure


def _hours(source: str) -> list[datetime]:
    from sparkify.sources.partitions import Partition, events_span, no_events

    span = events_span(source)
    if span is None:
        raise UserError(no_events(source))
    start, end = (moment.replace(tzinfo=None) for moment in span)
    count = int((end - start) / HOUR)
    if not Partition.from_settings().names_a_time:
        raise UserError(
            "The variable sparkify_partition contains no time, so the hours of the source are "
            "unknown. Only files named by time can be verified."
        )
    return [start + HOUR * number for number in range(count)]


def _seed() -> int:
    text = os.environ.get("SEED") or str(secrets.randbelow(1_000_000))
    if not text.isdigit():
        raise UserError(f"SEED={text} is not a number: use the one that was printed, or none.")
    return int(text)


def report(screen: Screen, tables: dict[str, TableDiff]) -> None:
    """Print rows and checksums side by side, and the verdict."""
    shown = Table(box=None)
    for heading in ("table", "rows", "hour by hour", "in one run", ""):
        shown.add_column(heading, justify="right" if heading == "rows" else "left")
    for name, table in tables.items():
        rows = f"{table.one.rows:,}"
        if table.one.rows != table.other.rows:
            rows += f" / {table.other.rows:,}"
        verdict = "equal" if table.is_equal else "DIFFERENT"
        shown.add_row(name, rows, table.one.checksum, table.other.checksum, verdict)
    screen.console.print()
    screen.console.print(shown)
    for name, table in tables.items():
        for where, examples in (("hour by hour", table.only_one), ("in one run", table.only_other)):
            for row in examples:
                screen.print(f"  {name}, only {where}: {row}")
    different = [name for name, table in tables.items() if not table.is_equal]
    screen.print(
        f"\nThey differ in {', '.join(different)}. Either this is a bug of the project, or a file "
        "changed in the meantime: run it again with the same SEED."
        if different
        else f"\nEqual: {len(tables)} tables hold the same rows after both ways of loading."
    )


if __name__ == "__main__":
    sys.exit(main())
