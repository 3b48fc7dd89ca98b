"""``make report``: write what users listen to, from the local deployment, as one file."""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from local.deployment.deployment import postgres_of
from local.deployment.environment import SOURCE_VARIABLE, WAREHOUSE_CONNECTION, read_env_file
from local.deployment.layout import Layout
from local.deployment.source import database_name, display_name, source_url
from local.servers.postgres import STAND_IN_SUFFIX, EmbeddedPostgres
from local.terminal.errors import UserError
from local.terminal.signals import Interrupted, defer_signals, handle_signals
from sparkify.page.files import REPORT


@dataclass(frozen=True)
class Options:
    """The user's options, given as environment variables."""

    first: date | None
    last: date | None
    level: Literal["free", "paid"] | None
    place: str | None
    file: Path

    @classmethod
    def read(cls, layout: Layout) -> "Options":
        """Read the options from the environment."""
        first, last = _day("START"), _day("END")
        if first and last and first > last:
            raise UserError(f"The range is empty: START={first} is after END={last}.")
        file = Path(os.environ.get("OUT") or layout.report / REPORT).expanduser().absolute()
        if file.is_dir():
            raise UserError(f"OUT={file} is a folder: name a file, such as {file / REPORT}.")
        return cls(first, last, _level(), os.environ.get("PLACE") or None, file)


def _day(name: str) -> date | None:
    text = os.environ.get(name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UserError(
            f"{name}={text} is not a date: write it as 2018-11-01. START and END are the first "
            "and last day of the report; without them it covers everything."
        ) from None


def _level() -> Literal["free", "paid"] | None:
    match os.environ.get("LEVEL"):
        case "free" | "paid" as level:
            return level
        case None | "":
            return None
        case other:
            raise UserError(f"LEVEL={other} is no level: it must be free or paid.")


def main() -> int:
    """Write the report and print its path; return the exit status."""
    handle_signals()
    layout = Layout.here()
    try:
        options = Options.read(layout)
        with connected(layout) as source:
            write(options)
    except UserError as error:
        print(error)
        return 1
    except Interrupted as interruption:
        return 128 + interruption.number
    size = options.file.stat().st_size / 1e6
    print(f"Wrote the report on {source} ({size:.1f} MB). Open it in a browser: {options.file}")
    return 0


@contextmanager
def connected(layout: Layout) -> Iterator[str]:
    """Connect this process to the deployment's warehouse; yield the source's name."""
    if not layout.env.exists():
        raise UserError(
            f"There is nothing to report on: {layout.root} has no local deployment. Run "
            "`make run ONCE=1` first; it loads a sample or, with SPARKIFY_SOURCE=folder, your "
            "files."
        )
    exported = read_env_file(layout.env.read_text())
    source, postgres = exported[SOURCE_VARIABLE], postgres_of(layout)
    database = exported.get("PGDATABASE", "")
    if requested := os.environ.get("SPARKIFY_SOURCE"):
        # With the stand-in, the exported source is a bucket that holds a copy of the folder.
        wanted = database_name(source_url(requested, layout.sample))
        if wanted not in (database_name(source), database.removesuffix(STAND_IN_SUFFIX)):
            raise UserError(
                f"The source loaded here is {display_name(source)}, not {requested}. Load that "
                f"first: SPARKIFY_SOURCE={shlex.quote(requested)} make run ONCE=1"
            )
    if database.endswith(STAND_IN_SUFFIX):
        # The stand-in stops with `make run`; its tables stay in PostgreSQL.
        exported[WAREHOUSE_CONNECTION] = postgres.connection(database)
    os.environ.update(exported)
    with running(postgres) if database else nullcontext():
        yield display_name(source)


@contextmanager
def running(postgres: EmbeddedPostgres) -> Iterator[None]:
    """Run PostgreSQL during the block, unless it is running already."""
    if postgres.is_running():
        yield
        return
    try:
        postgres.start()
        yield
    finally:
        with defer_signals():
            postgres.stop()


def write(options: Options) -> None:
    """Query the warehouse and write the file."""
    # Airflow reads its settings on import, so import it after they are set.
    from sparkify.page.questions import Filters, query, questions
    from sparkify.page.report import SECONDS, report
    from sparkify.page.warehouse import reading
    from sparkify.sources.folder import FolderSource

    filters = Filters(options.first, options.last, options.level, options.place)
    try:
        with reading(SECONDS) as read:
            [[plays, *_]] = read(*query(questions()["totals"], filters)).rows
        if filters != Filters() and not plays:
            raise UserError(
                "No report was written, because no play matches its options. START and END are "
                "days in UTC, and PLACE is spelled as on the page, such as London, UK. Without "
                "options the report covers everything."
            )
        page = report(filters)
        FolderSource(options.file.parent).write(options.file.name, page.encode())
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"The report was not written: {error}\nIf tables are missing or the warehouse does "
            "not answer, `make run ONCE=1` creates and loads it."
        ) from error


if __name__ == "__main__":
    sys.exit(main())
