"""
The SQL of ``sql/``: where it is, and what its templates may call.

Whatever a template calls is evaluated while a task, or a command, runs.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from airflow.sdk.exceptions import AirflowFailException
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context

from sparkify import settings, warehouse
from sparkify.sources.partitions import Partition
from sparkify.staging.names import staging_table
from sparkify.window import HOUR, Window, literal

HERE = Path(__file__).parent
PLACES = (HERE / "sql", HERE.parents[1] / "sql")
"""Where the SQL is: in what is installed or zipped, and beside ``plugins/`` in a checkout."""


@cache
def sql_folder() -> Path:
    """The folder of the SQL files."""
    for place in PLACES:
        if any(place.glob("*/*.sql")):
            return place
    raise AirflowFailException(
        f"There is no SQL: neither {PLACES[0]} nor {PLACES[1]} holds any. Install the wheel, or "
        "deploy what make package makes: both bring it along; or keep sql/ beside plugins/, as in "
        "the repository."
    )


def sql_files(folder: str) -> dict[str, str]:
    """The files of a folder of the SQL, by name: whoever adds a file there adds a check."""
    found = {file.stem: f"{folder}/{file.name}" for file in (sql_folder() / folder).glob("*.sql")}
    if not found:
        raise AirflowFailException(
            f"The folder {sql_folder() / folder} holds no SQL: this deployment is not complete."
        )
    return dict(sorted(found.items()))


@cache
def environment() -> Environment:
    """The templates of the SQL files, for what is no task."""
    return Environment(
        loader=FileSystemLoader(sql_folder()),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - it is SQL
    )


def statement(name: str, hours: Window | None = None) -> str:
    """A file's SQL about a range of hours; without one it is about everything."""
    about = {"in_range": hours.holds} if hours else {}
    return environment().get_template(name).render(MACROS | about)


@pass_context
def staging(context: Mapping[str, Any], table: str) -> str:
    """The run's own copy of a staging table: runs at the same time do not meet in it."""
    return staging_table(context["run_id"], table)


@pass_context
def window(context: Mapping[str, Any]) -> Window:
    """The window of the run; its methods are the predicates of a timestamp."""
    return Window.of_run(context)


@pass_context
def is_scheduled(context: Mapping[str, Any]) -> bool:
    """Whether the schedule made this run: no backfill, and nobody by hand."""
    return str(context["run_id"]).startswith("scheduled__")


@pass_context
def removal_is_allowed(context: Mapping[str, Any]) -> bool:
    """Whether the run may publish although files, or all events of an hour, are gone."""
    return bool(context["params"].get("allow_removed"))


@pass_context
def event_files(context: Mapping[str, Any]) -> str:
    """A glob a line: the event files whose partition overlaps the window."""
    return "\n".join(Partition.of_settings().patterns(Window.of_run(context)))


@pass_context
def in_event_files(context: Mapping[str, Any], column: str) -> str:
    """The predicate of the hours of which those files hold every event: the window and more."""
    return Partition.of_settings().whole_hours(Window.of_run(context)).holds(column)


def partition_slack() -> str:
    """What a file may hold before and after the time that its name says, as an interval."""
    return f"interval '{settings.partition_slack() // HOUR} hours'"


def in_range(column: str) -> str:  # noqa: ARG001 - the page's range has it
    """The predicate of the rows that a question is asked about: all, where no range was picked."""
    return "1 = 1"


def lock(table: str) -> str:
    """The statement after which this transaction is the table's only writer."""
    return warehouse.lock(table, warehouse.engine())


def now() -> str:
    """This moment, UTC, as both engines read it: their own clocks speak local time."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"


def kept_since() -> str:
    """The moment before which what is kept for a set time has been kept long enough."""
    return f"{datetime.now(UTC) - settings.keep_rejects():%Y-%m-%d %H:%M:%S.%f}"


def alive_since() -> str:
    """The moment before which a run that never said how it ended is taken for dead."""
    return f"{datetime.now(UTC) - settings.DEAD_AFTER:%Y-%m-%d %H:%M:%S.%f}"


def settled() -> str:
    """
    That nobody is at work on a moment, grouped with the ``claims`` on it: the newest is published.

    Until it is, dimensions and fact may tell of different readings, and whoever claims it brings
    them together.
    """
    newest = "coalesce(max(case when claims.published_at is {} then claims.reading end), 0)"
    return f"{newest.format('null')} <= {newest.format('not null')}"


def content(*columns: str) -> str:
    """
    A number for what a row holds in these columns: the sum of many tells whether they changed.

    Nulls count, so that a value that moves from one column to the next is a change.
    """
    if warehouse.engine() == warehouse.POSTGRES:
        return f"hash_record_extended(row({', '.join(columns)}), 0)"
    texts = (f"cast({column} as varchar(1024))" for column in columns)
    sized = (
        f"coalesce(cast(length({text}) as varchar(8)) || ':' || {text}, '-')" for text in texts
    )
    return f"strtol(substring(md5({' || '.join(sized)}), 1, 15), 16)"


VERSIONED = {
    # Not the song that a play is linked to: that may change without a run of the play's hour.
    "songplays": "songplay_id start_time user_id level session_id location user_agent "
    "item_in_session song_title artist_name duration",
    "user_events": "event_time user_id session_id item_in_session page level first_name last_name "
    "gender",
    "users": "user_id first_name last_name gender level last_seen_at",
    "user_levels": "user_id level valid_from valid_to",
    "time": "start_time hour day week month year weekday",
    "session_hours": "hour_start user_id session_id level location plays first_play last_play",
    "song_days": "song_title artist_name duration",
    "songs": "song_id title artist_id year duration artist_name",
    "artists": "artist_id name location latitude longitude taken_from_song_id",
}
"""The columns by which rows of a table are compared."""


def row_version(table: str) -> str:
    """The content of a table's row; the sum over rows says whether any of them is another."""
    return content(*VERSIONED[table].split())


def seconds_since(column: str) -> str:
    """The seconds from a moment in a column to this one."""
    return f"extract(epoch from timestamp '{now()}') - extract(epoch from {column})"


def bytewise() -> str:
    """Text compared byte by byte, as Redshift always does: so ids have one smallest everywhere."""
    return ' collate "C"' if warehouse.engine() == warehouse.POSTGRES else ""


MACROS = {
    "alive_since": alive_since,
    "bytewise": bytewise,
    "content": content,
    "engine": warehouse.engine,
    "event_files": event_files,
    "in_event_files": in_event_files,
    "in_range": in_range,
    "is_scheduled": is_scheduled,
    "kept_since": kept_since,
    "literal": literal,
    "lock": lock,
    "now": now,
    "partition_slack": partition_slack,
    "quoted": warehouse.quoted,
    "reject_limit": settings.reject_limit,
    "removal_is_allowed": removal_is_allowed,
    "row_version": row_version,
    "seconds_since": seconds_since,
    "setting": settings.setting,
    "settled": settled,
    "staging": staging,
    "stale_hours": settings.stale_hours,
    "window": window,
}
