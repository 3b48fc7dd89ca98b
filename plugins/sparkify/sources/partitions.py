"""Partitions: from a window to the names of its event files, and from a name to its time."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache, cached_property

from airflow.sdk.exceptions import AirflowFailException

from sparkify import settings
from sparkify.sources.base import SourceFile
from sparkify.sources.globs import glob_expression, literal_prefix
from sparkify.sources.open import nearby_names, open_source
from sparkify.window import FIRST, HOUR, LAST, LONGEST, Window, full_hour, shift

# The codes of a template, with how each is formatted and the pattern that it matches.
CODES = {
    "%Y": ("{0.year:04}", r"[0-9]{4}"),
    "%m": ("{0.month:02}", r"[0-9]{2}"),
    "%d": ("{0.day:02}", r"[0-9]{2}"),
    "%j": ("{0:%j}", r"[0-9]{3}"),
    "%H": ("{0.hour:02}", r"[0-9]{2}"),
}

# Codes that each code needs one of beside it.
NEEDS = {"%m": {"%Y"}, "%d": {"%m"}, "%j": {"%Y"}, "%H": {"%d", "%j"}}

ANY_TIME = Window(datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
"""The time that files may hold if the template has no codes."""

INSTANT = timedelta(microseconds=1)

FARTHEST = timedelta(days=1)
"""The largest offset of any time zone from UTC, rounded up."""


@dataclass(frozen=True)
class Partition:
    """
    How the events of a source are split into files.

    A period, such as a day, is represented by its start in local time, without a zone.

    :param template: names of the files, with codes for their time
    :param zone: time zone of that time
    :param slack: how far events may lie outside of that time
    """

    template: str
    zone: tzinfo = UTC
    slack: timedelta = timedelta()

    @classmethod
    def from_settings(cls, template: str | None = None) -> "Partition":
        """Create it from the variables, or with another template."""
        template = settings.setting("partition") if template is None else template
        return cls(template, settings.partition_timezone(), settings.partition_slack())

    @property
    def names_a_time(self) -> bool:
        """Whether the name of a file contains its time."""
        return bool(self._codes)

    def patterns(self, window: Window) -> list[str]:
        """Return the globs of the partitions that may hold events of the window, by time."""
        if not self.names_a_time:
            return [self.template]
        return list(dict.fromkeys(map(self._name, self._periods(window))))

    def whole_hours(self, window: Window) -> Window:
        """Return the hours for which a run of the window reads all files that may hold events."""
        if not self.names_a_time:
            return ANY_TIME
        periods = list(self._periods(window))
        if not periods:  # at the ends of the calendar, where local time would be in the year 0
            return window.whole_hours
        before = self._floor(shift(periods[0], -INSTANT))
        after = self._next(periods[-1])
        return Window(
            shift(self._own_span(before).end, self.slack) if before < periods[0] else FIRST,
            shift(self._own_span(after).start, -self.slack),
        ).whole_hours

    def split_hours(self, window: Window) -> list[Window]:
        """Return the hours that lie also in files that a run of the window does not read."""
        whole = self.whole_hours(window)
        spans = [self._span(period) for period in self._periods(window)]
        if not (self.names_a_time and spans):
            return []
        read = Window(min(span.start for span in spans), max(span.end for span in spans))
        touched = read.touched_hours
        parts = [Window(touched.start, whole.start), Window(whole.end, touched.end)]
        return [part for part in parts if part.start < part.end]

    def span(self, name: str) -> Window | None:
        """Return the time that a file, or a glob of files, may hold; None if it names no time."""
        matches, codes = _names(tuple(self._parts))
        if not (match := matches(name)):
            return None
        if not self.names_a_time:
            return ANY_TIME
        try:
            # Local time in the zone of the partition.
            period = datetime.strptime(" ".join(match.groupdict().values()), codes)  # noqa: DTZ007
        except ValueError:
            return None
        return self._span(period)

    def _span(self, period: datetime) -> Window:
        """Return the time that the file of a period may hold."""
        own = self._own_span(period)
        return Window(shift(own.start, -self.slack), shift(own.end, self.slack))

    def _periods(self, window: Window) -> Iterator[datetime]:
        """Yield the periods whose files may hold events of the window."""
        since, until = shift(window.start, -self.slack), shift(window.end, self.slack)
        period = self._floor(shift(since.replace(tzinfo=None), -FARTHEST))
        end = shift(until.replace(tzinfo=None), FARTHEST)
        while period < end:
            own = self._own_span(period)
            # An hour skipped by daylight saving time has no file.
            if own.start < own.end and own.start < until and since < own.end:
                yield period
            period = self._next(period)

    def _own_span(self, period: datetime) -> Window:
        """Convert a period to UTC: an hour that clocks show twice is long, a skipped one empty."""
        last = shift(self._next(period), -INSTANT)
        return Window(self._moment(period, fold=0), shift(self._moment(last, fold=1), INSTANT))

    def _moment(self, shown: datetime, fold: int) -> datetime:
        """Convert a local time, or its second occurrence (``fold``), to UTC."""
        try:
            return shown.replace(tzinfo=self.zone, fold=fold).astimezone(UTC)
        except OverflowError:
            return FIRST if shown.year == 1 else LAST

    def _floor(self, moment: datetime) -> datetime:
        """Return the period that contains a local time."""
        if "%H" in self._codes:
            return moment.replace(minute=0, second=0, microsecond=0)
        day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        if "%d" in self._codes or "%j" in self._codes:
            return day
        return day.replace(day=1) if "%m" in self._codes else day.replace(month=1, day=1)

    def _next(self, period: datetime) -> datetime:
        if "%H" in self._codes:
            return shift(period, HOUR)
        if "%d" in self._codes or "%j" in self._codes:
            return shift(period, timedelta(days=1))
        # Past the end of a month, or of a year, of any length.
        past = shift(period, timedelta(days=32 if "%m" in self._codes else 367))
        return past if past == LAST.replace(tzinfo=None) else self._floor(past)

    def _name(self, period: datetime) -> str:
        texts = (CODES[part][0].format(period) if part in CODES else part for part in self._parts)
        return "".join(texts)

    @cached_property
    def _codes(self) -> set[str]:
        return set(self._parts) & CODES.keys()

    @cached_property
    def _parts(self) -> list[str]:
        """The template, split into codes and the text between them."""
        parts = re.split(r"(%.?)", self.template, flags=re.DOTALL)
        codes = set(parts[1::2])
        if unknown := sorted(codes - CODES.keys()):
            raise AirflowFailException(
                f"The variable sparkify_partition is {self.template!r}, and {unknown[0]!r} in it "
                f"is not a code. It may contain {', '.join(CODES)}, * and **."
            )
        for code in sorted(codes):
            if code in NEEDS and not NEEDS[code] & codes:
                raise AirflowFailException(
                    f"The variable sparkify_partition is {self.template!r}, and {code} in it needs "
                    f"{' or '.join(sorted(NEEDS[code]))} beside it to specify a time."
                )
        return parts

    @property
    def literal_prefix(self) -> str:
        """The prefix of the names of all event files."""
        return literal_prefix(self._parts[0])


def event_listing(url: str) -> Iterable[SourceFile]:
    """Yield every file of a source that may hold events, with one listing."""
    return open_source(url).list(Partition.from_settings().literal_prefix)


def events_span(url: str) -> tuple[datetime, datetime] | None:
    """
    Return the start and end of the hours that a source's event files span, or None.

    If their names say no time, these are the latest ones that a range may have.
    """
    partition = Partition.from_settings()
    spans = [span for file in event_listing(url) if (span := partition.span(file.name))]
    if not spans:
        return None
    if not partition.names_a_time:
        end = full_hour(datetime.now(UTC)) + HOUR
        return end - LONGEST, end
    hours = Window(min(span.start for span in spans), max(span.end for span in spans)).touched_hours
    return hours.start, hours.end


def no_events(url: str) -> str:
    """Explain that a source holds no event files, how to name them, and what it holds instead."""
    template = settings.setting("partition")
    names = nearby_names(open_source(url), Partition(template).literal_prefix)
    found = f"It holds files such as {', '.join(names)}." if names else "It holds no files at all."
    return (
        f"The source {url} holds no event files: no name matches the variable sparkify_partition, "
        f"which is {template!r}. {found}"
    )


@cache
def _names(parts: tuple[str, ...]) -> tuple[Callable[[str], re.Match[str] | None], str]:
    """Return what matches the names of a template's files, and the codes that it captures."""
    used: list[str] = []
    expression = ""
    for part in parts:
        if part not in CODES:
            expression += glob_expression(part)
        elif part in used:
            expression += f"(?P={part[1]})"
        else:
            used.append(part)
            expression += f"(?P<{part[1]}>{CODES[part][1]})"
    return re.compile(expression, re.DOTALL).fullmatch, " ".join(used)
