"""How it stands with each hour: loaded, quiet, or in need of something."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from airflow.providers.common.sql.hooks.sql import DbApiHook

from sparkify.partitions import Partition
from sparkify.source import SourceFile

HOUR = timedelta(hours=1)

FINE = {"loaded", "quiet", "under way"}
"""States in which nothing has to be done."""

LOADED = {"loaded", "quiet", "missing"}
"""States of an hour that was loaded, if only to find that its file was not there."""

MEANING = {
    "failed": "its last run failed: see its log, mend what it names",
    "partial": "a range run loaded a part of it only",
    "outdated": "its file has changed since it was loaded",
    "missing": "its file was not there, and is not now",
    "absent": "no run was asked to load it",
}
"""What to know of the others."""


class Hour(NamedTuple):
    """An hour, as the view ``hour_states`` has it."""

    start: datetime
    state: str
    plays: int = 0
    rejects: int = 0
    run_id: str = ""


class Span(NamedTuple):
    """Hours in a row that are in the same state."""

    first: datetime
    last: datetime
    state: str

    def __str__(self) -> str:
        return f"{self.first:%Y-%m-%d %H:%M} to {self.last + HOUR:%Y-%m-%d %H:%M}"


class Version(NamedTuple):
    """A file as it was last read."""

    etag: str
    size: int


def known(hook: DbApiHook) -> list[Hour]:
    """Every hour that a run was asked for, in order."""
    rows: Any = hook.get_records(
        "select hour_start, state, plays, rejects, run_id from hour_states order by 1"
    )
    return [Hour(hour.replace(tzinfo=UTC), *rest) for hour, *rest in rows]


def last_read(hook: DbApiHook, source: str) -> dict[str, Version]:
    """Each event file of a source in the version of the newest reading that was published."""
    rows: Any = hook.get_records(
        "select source_file, etag, size_bytes from file_ledger where dataset = 'staging_events' "
        "and source = %s and etag is not null and published_at is not null order by reading",
        parameters=(source,),
    )
    return {name: Version(etag, size) for name, etag, size in rows}


def between(hours: Sequence[Hour], start: datetime, end: datetime) -> Iterator[Hour]:
    """Every hour of a range, those that no run was asked for included."""
    by_start = {hour.start: hour for hour in hours}
    moment = start
    while moment < end:
        yield by_start.get(moment, Hour(moment, "absent"))
        moment += HOUR


def compared(
    hours: Iterable[Hour],
    files: Iterable[SourceFile],
    versions: Mapping[str, Version],
    partition: Partition,
) -> list[Hour]:
    """The hours, of which those whose file is other than it was read are outdated."""
    hours = list(hours)
    loaded_until = max((hour.start for hour in hours if hour.state in LOADED), default=None)
    changed: set[datetime] = set()
    for file in files:
        span, version = partition.span(file.name), versions.get(file.name)
        if span is None or (version and version.etag == file.etag):
            continue
        # As long as hours of its own are to come, a file may grow.
        is_growing = version and file.size > version.size
        if is_growing and not (loaded_until and loaded_until >= span.end - HOUR):
            continue
        changed |= {hour.start for hour in hours if span.start - HOUR < hour.start < span.end}
    return [
        hour._replace(state="outdated") if hour.start in changed and hour.state in LOADED else hour
        for hour in hours
    ]


def spans(hours: Iterable[Hour]) -> list[Span]:
    """Hours of one state in a row, taken together; those that are fine are left out."""
    found = []
    for state, group in groupby(hours, key=lambda hour: hour.state):
        its = list(group)
        if state not in FINE:
            found.append(Span(its[0].start, its[-1].start, state))
    return found


def mending(found: Iterable[Span]) -> list[str]:
    """The commands that load again what can be; a missing file has to come first."""
    ranges: list[tuple[datetime, datetime]] = []
    for span in found:
        if span.state == "missing":
            continue
        if ranges and ranges[-1][1] + HOUR == span.first:
            ranges[-1] = (ranges[-1][0], span.last)
        else:
            ranges.append((span.first, span.last))
    return [
        f"airflow dags backfill --reset-dagruns -s {first:%Y-%m-%dT%H:%M} -e {last:%Y-%m-%dT%H:%M} "
        "sparkify"
        for first, last in ranges
    ]


def told(hours: Sequence[Hour]) -> str:
    """How it stands with the hours, for a person."""
    if not hours:
        return "No run was asked to load an hour yet."
    counted = Counter(hour.state for hour in hours)
    numbers = ", ".join(f"{count} {state}" for state, count in counted.most_common())
    whole = Span(hours[0].start, hours[-1].start, "")
    lines = [f"{len(hours)} hours, {whole} UTC: {numbers}"]
    found = spans(hours)
    lines += [f"  {span}  {span.state:<9} {MEANING.get(span.state, '')}" for span in found]
    if commands := mending(found):
        lines += ["To load them again:", *(f"  {command}" for command in commands)]
    return "\n".join(lines)
