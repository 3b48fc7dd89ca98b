"""
``make verify``: that the warehouse is a function of the source, for the source at hand.

Every hour of the source is loaded into one database, in a shuffled order and eight at a time, and
all of it into another by one run, through the DAG's own operators; then the two are compared.
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
from local.deployment.source import source_in_words, source_url
from local.servers.postgres import EmbeddedPostgres
from local.terminal.errors import Trouble
from local.terminal.screen import Screen
from local.terminal.signals import Interrupted, listen
from local.tools.contents import Compared, compare

AT_ONCE = 8
STEPS = 20
"""In which progress is told."""
HOUR = timedelta(hours=1)
MOST_HOURS = 24 * 366 * 20
SETTINGS = {
    # Runs fail in sentences, which are shown; what they tell on their way is not.
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
    # The limit decides whether a run publishes, not what.
    "AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT": "1",
}


def main() -> int:
    """Load both ways, compare, and tell; the exit status says whether they are equal."""
    listen()
    screen = Screen.of_output()
    try:
        tables = verify(Layout.here(), screen)
    except Trouble as trouble:
        screen.say(f"\n{trouble}")
        return 1
    except Interrupted as interruption:
        screen.say("\nInterrupted; the databases of the comparison are dropped.")
        return 128 + interruption.number
    report(screen, tables)
    return 0 if all(table.is_equal for table in tables.values()) else 1


def verify(layout: Layout, screen: Screen) -> dict[str, Compared]:
    """Load the source both ways into databases that are dropped again."""
    source = source_url(os.environ.get("SPARKIFY_SOURCE"), layout.sample)
    server = postgres_of(layout)
    was_running = server.is_running()
    with screen.live():
        if source == layout.sample.as_uri():
            with screen.step("Simulating a month of listening"):
                make_sample(layout.sample)
        with screen.step("Starting PostgreSQL"):
            server.start()
        try:
            screen.say(f"The source: {source_in_words(source)}")
            secret = credentials(layout.local / "credentials.json")
            os.environ.update(environment(layout, secret, server, 0, source) | SETTINGS)
            return _load_and_compare(layout, server, source, screen)
        finally:
            if not was_running:
                server.stop()


def _load_and_compare(
    layout: Layout, server: EmbeddedPostgres, source: str, screen: Screen
) -> dict[str, Compared]:
    # Airflow reads its settings when it is imported, so only now.
    from airflow.dag_processing.dagbag import DagBag

    from local.servers.databases import database, lead_to, make_tables
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
        for one in (by_hours, by_range):
            make_tables(server, one, dags["sparkify_schema"])
        title = f"{len(hours)} hours in the order of SEED={seed}, {AT_ONCE} at a time"
        with screen.step(title) as step, _told():
            lead_to(server, by_hours)
            random.Random(seed).shuffle(hours)  # noqa: S311 - to be repeated, not to be secret
            for done in pipeline.run_hours(hours, AT_ONCE):
                if done * STEPS // len(hours) > (done - 1) * STEPS // len(hours):
                    step.show("", done, len(hours))
        with screen.step("The same range in one run"), _told():
            lead_to(server, by_range)
            end = max(hours) + HOUR
            pipeline.run(f"{min(hours)}", f"{end}")
        with screen.step("Comparing"):
            return compare(server.uri(by_hours), server.uri(by_range))


@contextmanager
def _told() -> Iterator[None]:
    """Turn a task's own sentence about why it failed into what the person is told."""
    from airflow.sdk.exceptions import AirflowFailException

    try:
        yield
    except AirflowFailException as failure:
        raise Trouble("\n".join([str(failure), *getattr(failure, "__notes__", ())])) from failure


def _hours(source: str) -> list[datetime]:
    from sparkify.sources.partitions import events_span, no_events

    span = events_span(source)
    if span is None:
        raise Trouble(no_events(source))
    start, end = (moment.replace(tzinfo=None) for moment in span)
    count = int((end - start) / HOUR)
    if count > MOST_HOURS:
        raise Trouble(
            "The variable sparkify_partition names no time, so nobody knows which hours the "
            "source holds. Give its files names by time to have them verified."
        )
    return [start + HOUR * number for number in range(count)]


def _seed() -> int:
    text = os.environ.get("SEED") or str(secrets.randbelow(1_000_000))
    if not text.isdigit():
        raise Trouble(f"SEED={text} is not a number: give the one that was printed, or none.")
    return int(text)


def report(screen: Screen, tables: dict[str, Compared]) -> None:
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
                screen.say(f"  {name}, only {where}: {row}")
    different = [name for name, table in tables.items() if not table.is_equal]
    screen.say(
        f"\nThe two differ in {', '.join(different)}. This is a fault of the project, or a file "
        "changed meanwhile: run it again with the same SEED."
        if different
        else "\nEqual: the order of loading leaves no trace."
    )


if __name__ == "__main__":
    sys.exit(main())
