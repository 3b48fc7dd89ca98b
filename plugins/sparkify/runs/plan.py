"""What loading a range of hours would read and replace, and how long it would take."""

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any, NamedTuple

from airflow.providers.common.sql.hooks.sql import DbApiHook

from sparkify.runs.hours import DAG_ID, Hour, Span, Version, options
from sparkify.sources.base import SourceFile
from sparkify.sources.partitions import INSTANT, Partition
from sparkify.window import HOUR, Window, full_hour, shift

PAST_RUNS = 100
"""How many of the last runs show how fast a run is."""

SHOWN = 10
"""How many files of a kind are named."""


class Pace(NamedTuple):
    """How long past runs took: a time for any run, and a time for each byte that it reads."""

    runs: int
    seconds: float
    seconds_per_byte: float

    @classmethod
    def of(cls, runs: Sequence[tuple[int, float]]) -> "Pace":
        """Derive it from the bytes and seconds of runs, by medians, as some runs wait."""
        by_size = sorted(runs)
        half = (len(by_size) + 1) // 2
        small, large = (
            [median(column) for column in zip(*part, strict=True)]
            for part in (by_size[:half], by_size[-half:])
        )
        more = large[0] - small[0]
        rate = max(0.0, (large[1] - small[1]) / more) if more else 0.0
        rest = median(seconds - rate * size for size, seconds in runs)
        return cls(len(runs), max(0.0, rest), rate)

    def of_runs(self, runs: int, size: int, at_once: int = 1) -> float:
        """Estimate the seconds of a number of runs that read this many bytes in all."""
        return (runs * self.seconds + size * self.seconds_per_byte) / min(at_once, runs or 1)


def past_pace(hook: DbApiHook) -> Pace | None:
    """Return the pace of the last runs; None if no run has ended yet."""
    rows: Any = hook.get_records(
        "select bytes, began_at, ended_at from load_runs where bytes is not null "
        f"and ended_at is not null order by ended_at desc limit {PAST_RUNS}"
    )
    runs = [(int(size), (ended - began).total_seconds()) for size, began, ended in rows]
    return Pace.of(runs) if runs else None


@dataclass(frozen=True)
class Plan:
    """
    The load of a range of hours.

    :param hours: every hour of the range, with its state
    :param files: the event files that a range run would read
    :param files_before: those that only the lookback of hourly runs reaches
    :param missing: names of event files that should exist
    :param gone: names of event files that were published and do not exist any more
    :param published: each event file in the version that was published last
    :param songs: the song files that are new or have changed
    :param lookback: how far before its hour an hourly run reads
    """

    hours: Sequence[Hour]
    files: Sequence[SourceFile]
    files_before: Sequence[SourceFile]
    missing: Sequence[str]
    gone: Sequence[str]
    published: Mapping[str, Version]
    songs: Sequence[SourceFile]
    partition: Partition
    lookback: timedelta

    @classmethod
    def of(
        cls,
        hours: Sequence[Hour],
        listing: Iterable[SourceFile],
        published: Mapping[str, Version],
        songs: Sequence[SourceFile],
        partition: Partition,
        lookback: timedelta,
    ) -> "Plan":
        """Select the files that may hold events of the hours."""
        window = Window(hours[0].start, hours[-1].start + HOUR)

        def overlaps(name: str, start: datetime = window.start) -> bool:
            span = partition.span(name)
            return bool(span and span.start < window.end and start < span.end)

        listed = {file.name: file for file in listing}
        files = sorted(file for name, file in listed.items() if overlaps(name))
        since = shift(window.start, -lookback)
        before = [file for name, file in listed.items() if overlaps(name, since)]
        before = [file for file in before if not overlaps(file.name)]
        covered = {partition.span(file.name) for file in files}
        # A neighbouring file, read only because of the slack, need not exist.
        own = replace(partition, slack=timedelta()).patterns(window)
        gone = sorted(name for name in published if name not in listed and overlaps(name))
        missing = [name for name in own if partition.span(name) not in covered]
        missing = [name for name in missing if name not in gone]
        return cls(hours, files, before, missing, gone, published, songs, partition, lookback)

    @property
    def first(self) -> datetime:
        """The first hour."""
        return self.hours[0].start

    @property
    def last(self) -> datetime:
        """The last hour."""
        return self.hours[-1].start

    def changed(self) -> list[SourceFile]:
        """Return the event files that have changed since they were published."""
        versions = ((file, self.published.get(file.name)) for file in self.files)
        return [file for file, version in versions if version and version.etag != file.etag]

    def new(self) -> list[SourceFile]:
        """Return the event files that have never been published."""
        return [file for file in self.files if file.name not in self.published]

    def hourly_size(self) -> int:
        """Return how many bytes of event files a run for each hour would read in all."""
        return sum(file.size * self._readings(file) for file in [*self.files_before, *self.files])

    def _readings(self, file: SourceFile) -> int:
        """Return how many of the hourly runs would read a file."""
        span = self.partition.span(file.name)
        if not span:
            return 0
        first = max(self.first, full_hour(span.start))
        last = min(self.last, full_hour(shift(span.end, self.lookback - INSTANT)))
        return max(0, (last - first) // HOUR + 1)

    def describe(self, pace: Pace | None, at_once: int) -> str:
        """
        Describe what would be read and replaced, and how long it would take.

        :param at_once: how many hourly runs are active at a time
        """
        return "\n".join(
            [
                *self._describe_hours(),
                *self._describe_files(),
                *self._describe_ways(pace, at_once),
            ]
        )

    def _describe_hours(self) -> Iterator[str]:
        states = Counter(hour.state for hour in self.hours)
        numbers = ", ".join(f"{count} {state}" for state, count in states.most_common())
        span = Span(self.first, self.last, "")
        yield f"{_counted(len(self.hours), 'hour')}, {span} UTC: {numbers}"
        if plays := sum(hour.plays for hour in self.hours):
            yield f"The warehouse holds {_counted(plays, 'play')} of these hours, to be replaced."

    def _describe_files(self) -> Iterator[str]:
        changed, new = self.changed(), self.new()
        yield (
            f"Event files: {len(self.files):,} of {_size(self.files):,} bytes, of which "
            f"{len(new):,} new and {len(changed):,} changed since they were loaded"
        )
        lines = (
            f"  changed  {file.name}: {file.size:,} bytes, and "
            f"{self.published[file.name].size:,} when it was loaded"
            for file in changed
        )
        yield from _some(list(lines))
        yield from _some([f"  missing  {name}" for name in self.missing])
        yield from _some([f"  gone     {name}" for name in self.gone])
        if self.gone:
            yield (
                "Files that were loaded are gone: a run stops before it deletes their plays. "
                "Restore them, or give the run the param allow_removed."
            )
        yield f"Song files: {len(self.songs):,} of {_size(self.songs):,} bytes, new or changed"

    def _describe_ways(self, pace: Pace | None, at_once: int) -> Iterator[str]:
        bounds = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (self.first, self.last + HOUR))
        conf = json.dumps(dict(zip(("start", "end"), bounds, strict=True)))
        songs, runs = _size(self.songs), len(self.hours)
        one = _size(self.files) + songs
        hourly = self.hourly_size() + songs
        yield f"In one run: {one:,} bytes{_duration(pace, 1, one)}"
        yield f"  {shlex.join(['airflow', 'dags', 'trigger', DAG_ID, '-c', conf])}"
        duration = _duration(pace, runs, hourly, at_once)
        yield f"In {_counted(runs, 'hourly run')}: {hourly:,} bytes{duration}"
        span = Span(self.first, self.last, "")
        yield f"  airflow dags backfill --reset-dagruns {options(span)} {DAG_ID}"
        yield (
            f"The times are estimates from the last {_counted(pace.runs, 'run')}."
            if pace
            else "How long it takes cannot be estimated before a run has ended."
        )


def _duration(pace: Pace | None, runs: int, size: int, at_once: int = 1) -> str:
    return f", about {_time(pace.of_runs(runs, size, at_once))}" if pace else ""


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _size(files: Iterable[SourceFile]) -> int:
    return sum(file.size for file in files)


def _some(lines: Sequence[str]) -> list[str]:
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], *([f"           and {more:,} more"] if more > 0 else [])]
