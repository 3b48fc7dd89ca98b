"""The state of each hour, and the commands that repair it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from airflow.providers.common.sql.hooks.sql import DbApiHook

from sparkify.macros import statement
from sparkify.sources.base import SourceFile
from sparkify.sources.partitions import Partition
from sparkify.warehouse import lock, session
from sparkify.window import HOUR, Window

DAG_ID = "sparkify"
"""The DAG whose runs load the hours."""

NO_ACTION = {"loaded", "quiet", "under way", "to come"}
"""States that need no action."""

LOADED = {"loaded", "quiet", "missing"}
"""States of an hour that was loaded, even if its file was missing."""

MEANING = {
    "failed": "its last run failed: see its log, and fix what it names",
    "abandoned": "the run that was to load it ended, or was deleted, without loading it",
    "partial": "a range run loaded only a part of it",
    "early": "it was loaded before it had ended",
    "damaged": "rows were changed by something other than a run: airflow sparkify audit",
    "outdated": "its file has changed since it was loaded",
    "missing": "its file was not there, and still is not",
    "vanished": "its file has gone since it was loaded: restore it",
    "absent": "the warehouse has no load of it",
}
"""Explanations of the other states."""


class Hour(NamedTuple):
    """An hour, as in the view ``hour_states``."""

    start: datetime
    state: str
    plays: int = 0
    rejects: int = 0
    run_id: str = ""


class Span(NamedTuple):
    """Consecutive hours in the same state."""

    first: datetime
    last: datetime
    state: str

    def __str__(self) -> str:
        return f"{self.first:%Y-%m-%d %H:%M} to {self.last + HOUR:%Y-%m-%d %H:%M}"


class Version(NamedTuple):
    """The version of a file from which its events were last published."""

    etag: str
    size: int


class Load(NamedTuple):
    """The last load of an hour, and from how many files it was."""

    run_id: str
    loaded_at: datetime
    files: int


class AirflowRun(NamedTuple):
    """A run of the DAG that has not succeeded, and its hour, if it is not a range run."""

    run_id: str
    state: str
    hour: datetime | None


def recorded(hook: DbApiHook) -> list[Hour]:
    """Return every hour that a run was to load, in order."""
    rows: Any = hook.get_records(
        "select hour_start, state, plays, rejects, run_id from hour_states order by 1"
    )
    return [Hour(hour.replace(tzinfo=UTC), *rest) for hour, *rest in rows]


def loads(hook: DbApiHook, first: datetime, last: datetime) -> dict[datetime, Load]:
    """Return the last load of each loaded hour from first to last, by its start."""
    rows: Any = hook.get_records(
        "select hour_start, loaded_by, loaded_at, coalesce(files, 0) from hour_loads "
        "where loaded_by is not null and hour_start >= %s and hour_start <= %s",
        parameters=(first.replace(tzinfo=None), last.replace(tzinfo=None)),
    )
    return {
        hour.replace(tzinfo=UTC): Load(run_id, loaded_at.replace(tzinfo=UTC), int(files))
        for hour, run_id, loaded_at, files in rows
    }


def forget_hours(hook: DbApiHook, first: datetime, last: datetime) -> int:
    """Delete the records of the empty hours from first to last; return how many there were."""
    with session(hook) as cursor:
        lock(cursor, hook.conn_type, "hour_loads")
        cursor.execute(statement("runs/forgotten/hours.sql", Window(first, last + HOUR)))
        return int(cursor.rowcount)


def published_versions(hook: DbApiHook, source: str) -> dict[str, Version]:
    """Return each event file of a source in the version of the newest published reading."""
    rows: Any = hook.get_records(
        "select source_file, etag, size_bytes from file_ledger where dataset = 'staging_events' "
        "and source = %s and published_at is not null order by reading",
        parameters=(source,),
    )
    found = {name: Version(etag, size) for name, etag, size in rows}
    # If a file was missing last, its return is a change, however old it is.
    return {name: version for name, version in found.items() if version.etag}


def every_hour(hours: Sequence[Hour], start: datetime, end: datetime) -> Iterator[Hour]:
    """Yield every hour of a range, including those that the warehouse has no record of."""
    by_start = {hour.start: hour for hour in hours}
    moment = start
    while moment < end:
        yield by_start.get(moment, Hour(moment, "absent"))
        moment += HOUR


def reconcile(hours: Iterable[Hour], runs: Collection[AirflowRun], now: datetime) -> list[Hour]:
    """
    Correct the hours by what only Airflow and the clock know.

    A run that was killed, or that failed before it reached the warehouse, could not record that.
    And an hour that has not ended is not loaded, whatever a run found of it.
    """
    active = {run.run_id for run in runs if run.state != "failed"}
    found = {hour.start: hour for hour in hours}
    for run in runs:
        if run.hour and run.hour not in found:
            state = "under way" if run.run_id in active else "failed"
            found[run.hour] = Hour(run.hour, state, run_id=run.run_id)
    return [_corrected(found[start], active, now) for start in sorted(found)]


def _corrected(hour: Hour, active: Collection[str], now: datetime) -> Hour:
    if hour.state == "under way" and hour.run_id not in active:
        hour = hour._replace(state="abandoned")
    has_ended = hour.start + HOUR <= now
    return hour if has_ended or hour.state == "under way" else hour._replace(state="to come")


def mark_outdated(
    hours: Iterable[Hour],
    files: Iterable[SourceFile],
    versions: Mapping[str, Version],
    partition: Partition,
) -> list[Hour]:
    """Mark the hours whose files have changed since they were published, or are gone."""
    hours = list(hours)
    loaded_until = max((hour.start for hour in hours if hour.state in LOADED), default=None)
    changed: set[datetime] = set()
    gone = set(versions)
    published = set(map(partition.span, versions))
    for file in files:
        gone.discard(file.name)
        span, version = partition.span(file.name), versions.get(file.name)
        if span is None or (version and version.etag == file.etag):
            continue
        # A file may grow, or get further parts, until all its hours are loaded.
        is_growing = file.size > version.size if version else span in published
        if is_growing and not (loaded_until and loaded_until >= span.end - HOUR):
            continue
        changed |= {hour.start for hour in hours if span.start - HOUR < hour.start < span.end}
    found = dict.fromkeys(changed, "outdated")
    for span in filter(None, map(partition.span, gone)):
        starts = (hour.start for hour in hours if span.start - HOUR < hour.start < span.end)
        found |= dict.fromkeys(starts, "vanished")
    return [
        hour._replace(state=found[hour.start])
        if hour.start in found and hour.state in LOADED
        else hour
        for hour in hours
    ]


def spans(hours: Iterable[Hour]) -> list[Span]:
    """Group consecutive hours in the same state."""
    found: list[Span] = []
    for hour in hours:
        last = found[-1] if found else None
        if last and last.state == hour.state and last.last + HOUR == hour.start:
            found[-1] = last._replace(last=hour.start)
        else:
            found.append(Span(hour.start, hour.start, hour.state))
    return found


def repair_commands(starts: Iterable[datetime]) -> list[str]:
    """Return the commands that load exactly these hours again."""
    return [
        f"airflow dags backfill --reset-dagruns {options(span)} {DAG_ID}"
        for span in spans(Hour(start, "") for start in starts)
    ]


def options(span: Span) -> str:
    """Return the command-line options for these hours."""
    return f"-s {span.first:%Y-%m-%dT%H:%M} -e {span.last:%Y-%m-%dT%H:%M}"


def describe(hours: Sequence[Hour]) -> str:
    """Describe the state of the hours."""
    counted = Counter(hour.state for hour in hours)
    numbers = ", ".join(f"{count} {state}" for state, count in counted.most_common())
    whole = Span(hours[0].start, hours[-1].start, "")
    noun = "hour" if len(hours) == 1 else "hours"
    lines = [f"{len(hours)} {noun}, {whole} UTC: {numbers}"]
    lines += [
        f"  {span}  {span.state:<9} {MEANING.get(span.state, '')}"
        for span in spans(hours)
        if span.state not in NO_ACTION
    ]
    # A missing file has to arrive first.
    waiting = {*NO_ACTION, "missing", "vanished"}
    again = [hour.start for hour in hours if hour.state not in waiting]
    if again:
        lines += ["To load them again:", *(f"  {command}" for command in repair_commands(again))]
    if to_come := [span for span in spans(hours) if span.state == "to come"]:
        lines += [
            "The schedule loads these hours once they have ended. If they were requested by "
            "mistake, forget them:",
            *(f"  airflow sparkify forget {options(span)}" for span in to_come),
        ]
    return "\n".join(lines)
