"""``make report``: what users listen to, from the local deployment, as one file."""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from local.deployment.deployment import postgres_of
from local.deployment.environment import SOURCE_VARIABLE, WAREHOUSE_CONNECTION, read_env_file
from local.deployment.layout import Layout
from local.deployment.source import database_of, source_in_words, source_url
from local.servers.postgres import BEHIND_REDSHIFT, EmbeddedPostgres
from local.terminal.errors import Trouble
from local.terminal.signals import Interrupted, held, listen
from sparkify.page.files import REPORT


@dataclass(frozen=True)
class Wishes:
    """What the person asked for, by environment variables."""

    first: date | None
    last: date | None
    file: Path

    @classmethod
    def read(cls, layout: Layout) -> "Wishes":
        """The wishes in this process's environment."""
        first, last = _day("START"), _day("END")
        if first and last and first > last:
            raise Trouble(f"The range is empty: START={first} is after END={last}.")
        file = Path(os.environ.get("OUT") or layout.report / REPORT).expanduser().absolute()
        if file.is_dir():
            raise Trouble(f"OUT={file} is a folder: name a file in it, such as {file / REPORT}.")
        return cls(first, last, file)


def _day(name: str) -> date | None:
    text = os.environ.get(name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Trouble(
            f"{name}={text} is no day: write it as 2018-11-01. START and END are the first and "
            "the last day of the report; without them it is about everything."
        ) from None


def main() -> int:
    """Write the report, and say where it is; the exit status tells whether it is there."""
    listen()
    layout = Layout.here()
    try:
        wishes = Wishes.read(layout)
        with deployed(layout) as source:
            write(wishes)
    except Trouble as trouble:
        print(trouble)
        return 1
    except Interrupted as interruption:
        return 128 + interruption.number
    size = wishes.file.stat().st_size / 1e6
    print(f"The report on {source}, {size:.1f} MB, to be opened in a browser: {wishes.file}")
    return 0


@contextmanager
def deployed(layout: Layout) -> Iterator[str]:
    """Reach the deployment's warehouse from this process, and give the source's name."""
    if not layout.env.exists():
        raise Trouble(
            f"There is nothing to report on: {layout.root} holds no local deployment. "
            "`make run ONCE=1` makes one and loads a sample, or, with SPARKIFY_SOURCE=folder, "
            "your files. Then try again."
        )
    exported = read_env_file(layout.env.read_text())
    source, postgres = exported[SOURCE_VARIABLE], postgres_of(layout)
    database = exported.get("PGDATABASE", "")
    if named := os.environ.get("SPARKIFY_SOURCE"):
        # The stand-in has the source's files in an S3 of its own.
        wanted = database_of(source_url(named, layout.sample))
        if wanted not in (database_of(source), database.removesuffix(BEHIND_REDSHIFT)):
            raise Trouble(
                f"What is loaded here is {source_in_words(source)}, not {named}. Load that first: "
                f"SPARKIFY_SOURCE={shlex.quote(named)} make run ONCE=1"
            )
    if database.endswith(BEHIND_REDSHIFT):
        # The stand-in ends with `make run`; what it loaded is still there.
        exported[WAREHOUSE_CONNECTION] = postgres.connection(database)
    os.environ.update(exported)
    with started(postgres) if database else nullcontext():
        yield source_in_words(source)


@contextmanager
def started(postgres: EmbeddedPostgres) -> Iterator[None]:
    """Have PostgreSQL run, for the while if it did not."""
    if postgres.is_running():
        yield
        return
    try:
        postgres.start()
        yield
    finally:
        with held():
            postgres.stop()


def write(wishes: Wishes) -> None:
    """Ask the warehouse, and write the file."""
    # Airflow reads its settings when it is imported: not before they are there.
    from sparkify.page.questions import Range
    from sparkify.page.report import report
    from sparkify.sources.folder import FolderSource

    try:
        page = report(Range(wishes.first, wishes.last))
        FolderSource(wishes.file.parent).write(wishes.file.name, page.encode())
    except Exception as error:
        raise Trouble(
            f"The report was not written: {error}\nIf the warehouse has no such tables, or does "
            "not answer, `make run ONCE=1` makes and loads it."
        ) from error


if __name__ == "__main__":
    sys.exit(main())
