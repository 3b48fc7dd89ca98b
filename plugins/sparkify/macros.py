"""The SQL files of ``sql/`` and the macros of their templates, evaluated when a task runs."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
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
"""Where the SQL may be: inside an installed or zipped package, or next to ``plugins/``."""


@cache
def sql_folder() -> Path:
    """Return the folder of the SQL files."""
    for place in PLACES:
        if any(place.glob("*/*.sql")):
            return place
    raise AirflowFailException(
        f"There are no SQL files in {PLACES[0]} or {PLACES[1]}. Install the wheel or deploy what "
        "make package builds, which include them, or keep sql/ next to plugins/ as in the "
        "repository."
    )


def sql_files(folder: str) -> dict[str, str]:
    """Return the files of a folder of ``sql/`` by name; adding a file there adds a check."""
    found = {file.stem: f"{folder}/{file.name}" for file in (sql_folder() / folder).glob("*.sql")}
    if not found:
        raise AirflowFailException(
            f"The folder {sql_folder() / folder} holds no SQL files: this deployment is incomplete."
        )
    return dict(sorted(found.items()))


@cache
def environment() -> Environment:
    """Return the environment that renders SQL files outside of tasks."""
    loader = FileSystemLoader(sql_folder())
    return Environment(loader=loader, undefined=StrictUndefined, autoescape=False)  # noqa: S701 - SQL


def statement(name: str, hours: Window | None = None) -> str:
    """Render a file for a range of hours, or for everything."""
    return environment().get_template(name).render(MACROS | in_window(hours))


def in_window(window: Window | None) -> dict[str, Callable[[str], str]]:
    """Return the macros that restrict a statement to a window, if there is one."""
    return {"in_range": window.holds, "days_in_range": window.holds_days} if window else {}


@pass_context
def staging(context: Mapping[str, Any], table: str) -> str:
    """Return the run's own staging table, so that concurrent runs do not collide."""
    return staging_table(context["run_id"], table)


@pass_context
def window(context: Mapping[str, Any]) -> Window:
    """Return the run's window, whose methods are predicates on a timestamp."""
    return Window.of_run(context)


@pass_context
def is_scheduled(context: Mapping[str, Any]) -> bool:
    """Whether the schedule created this run, not a backfill or a person."""
    return str(context["run_id"]).startswith("scheduled__")


@pass_context
def unless_removal_is_allowed(context: Mapping[str, Any]) -> str:
    """Return a predicate that is false if the run may publish without what was loaded before."""
    return "1 = 0" if context["params"].get("allow_removed") else "1 = 1"


@pass_context
def event_files(context: Mapping[str, Any]) -> str:
    """Return globs of the event files whose partition overlaps the window, one per line."""
    return "\n".join(Partition.from_settings().patterns(Window.of_run(context)))


@pass_context
def in_event_files(context: Mapping[str, Any], column: str) -> str:
    """Select the hours whose events are all in those files: the window and more."""
    return Partition.from_settings().whole_hours(Window.of_run(context)).holds(column)


@pass_context
def in_split_hours(context: Mapping[str, Any], column: str) -> str:
    """Select the hours of which those files hold only a part; empty if there are none."""
    split = Partition.from_settings().split_hours(Window.of_run(context))
    return " or ".join(part.holds(column) for part in split)


def partition_slack() -> str:
    """Return the slack of the partitions as an interval."""
    return f"interval '{settings.partition_slack() // HOUR} hours'"


def reject_limit() -> str:
    """Write out the share of records, since Python writes a small one with an exponent."""
    return f"{Decimal(str(settings.reject_limit())):f}"


def in_range(column: str) -> str:  # noqa: ARG001 - the page's range uses it
    """Select the rows a question covers: all of them unless a range is given."""
    return "1 = 1"


def of_level_and_place(level: str = "level", location: str = "location") -> str:  # noqa: ARG001 - the page's filters use them
    """Select the plays a question covers: those of all levels and places unless one is given."""
    return "1 = 1"


def has_level_or_place() -> bool:
    """Whether a question is about one level or one place."""
    return False


def primary_key(*columns: str) -> str:
    """
    Declare a key, where it is enforced.

    Redshift would only believe it, and might answer a check of it from the declaration.
    """
    is_enforced = warehouse.engine() == warehouse.POSTGRES
    return f"primary key ({', '.join(columns)})," if is_enforced else ""


def now() -> str:
    """Return the current time in UTC, since the clocks of the engines are in local time."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"


def kept_since() -> str:
    """Return the time before which retained rows have expired."""
    return f"{datetime.now(UTC) - settings.keep_rejects():%Y-%m-%d %H:%M:%S.%f}"


def alive_since() -> str:
    """Return the time before which a run without a recorded end counts as dead."""
    return f"{datetime.now(UTC) - settings.DEAD_AFTER:%Y-%m-%d %H:%M:%S.%f}"


def newest_is_published() -> str:
    """
    Select the times, grouped with the ``claims`` on them, whose newest claim is published.

    Until then, dimensions and fact may come from different readings, which the claiming run
    reconciles.
    """
    newest = "coalesce(max(case when claims.published_at is {} then claims.reading end), 0)"
    return f"{newest.format('null')} <= {newest.format('not null')}"


def content(*columns: str) -> str:
    """
    Hash these columns of a row; the sum over rows shows whether any of them changed.

    Nulls are hashed too, so that a value moving to another column is a change.
    """
    if warehouse.engine() == warehouse.POSTGRES:
        return f"hash_record_extended(row({', '.join(columns)}), 0)"
    # Redshift compares and groups texts without the blanks at their ends.
    texts = (f"rtrim(cast({column} as varchar(1024)))" for column in columns)
    sized = (
        f"coalesce(cast(length({text}) as varchar(8)) || ':' || {text}, '-')" for text in texts
    )
    return f"strtol(substring(md5({' || '.join(sized)}), 1, 15), 16)"


VERSIONED = {
    # Without the linked song, which may change without a run of the play's hour.
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
"""The columns that are compared, by table."""


def row_version(table: str, *more: str) -> str:
    """Hash the row of a table; the sum over rows shows whether any of them changed."""
    return content(*VERSIONED[table].split(), *more)


def seconds(moment: str) -> str:
    """
    Return the epoch seconds of a time, with their fraction.

    EXTRACT alone includes the fraction on PostgreSQL only; Redshift returns an integer.
    """
    return (
        f"(cast(extract(epoch from date_trunc('second', {moment})) as double precision)"
        f" + cast(to_char({moment}, 'US') as double precision) / 1000000)"
    )


def seconds_since(column: str) -> str:
    """Return the seconds from the time in a column to now, with their fraction."""
    moment = f"timestamp '{now()}'"
    return f"{seconds(moment)} - {seconds(column)}"


def bytewise() -> str:
    """Compare text by bytes, as Redshift does, so that both engines agree on the smallest id."""
    return ' collate "C"' if warehouse.engine() == warehouse.POSTGRES else ""


MACROS = {
    "alive_since": alive_since,
    "bytewise": bytewise,
    "content": content,
    "days_in_range": in_range,
    "drift_severity": settings.drift_severity,
    "engine": warehouse.engine,
    "event_files": event_files,
    "has_level_or_place": has_level_or_place,
    "in_event_files": in_event_files,
    "in_range": in_range,
    "in_split_hours": in_split_hours,
    "is_scheduled": is_scheduled,
    "kept_since": kept_since,
    "literal": literal,
    "newest_is_published": newest_is_published,
    "of_level_and_place": of_level_and_place,
    "now": now,
    "partition_slack": partition_slack,
    "primary_key": primary_key,
    "quoted": warehouse.quoted,
    "reject_limit": reject_limit,
    "row_version": row_version,
    "seconds": seconds,
    "seconds_since": seconds_since,
    "setting": settings.setting,
    "staging": staging,
    "stale_hours": settings.stale_hours,
    "unless_removal_is_allowed": unless_removal_is_allowed,
    "window": window,
}
