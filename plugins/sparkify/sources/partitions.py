"""Which files of a source hold which time: the partition template, read in both directions."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache, cached_property

from airflow.sdk.exceptions import AirflowFailException

from sparkify import settings
from sparkify.sources.base import SourceFile
from sparkify.sources.globs import glob_expression, literal_prefix
from sparkify.sources.open import near, open_source
from sparkify.window import FIRST, HOUR, LAST, Window, shifted

# The codes that a template may use, with their text and its form.
CODES = {
    "%Y": ("{0.year:04}", r"[0-9]{4}"),
    "%m": ("{0.month:02}", r"[0-9]{2}"),
    "%d": ("{0.day:02}", r"[0-9]{2}"),
    "%j": ("{0:%j}", r"[0-9]{3}"),
    "%H": ("{0.hour:02}", r"[0-9]{2}"),
}

# What a code says nothing without.
NEEDS = {"%m": {"%Y"}, "%d": {"%m"}, "%j": {"%Y"}, "%H": {"%d", "%j"}}

ANY_TIME = Window(datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
"""What the files of a template without a code are taken to hold."""

INSTANT = timedelta(microseconds=1)

FARTHEST = timedelta(days=1)
"""No clock of any zone is farther from UTC."""


@dataclass(frozen=True)
class Partition:
    """
    How the event files of a source are cut.

    Periods, such as days, are moments without a zone: what the zone's clocks show as they begin.

    :param template: the files' names, with codes for the time that they hold
    :param zone: the zone of that time
    :param slack: what a file may hold before and after it
    """

    template: str
    zone: tzinfo = UTC
    slack: timedelta = timedelta()

    @classmethod
    def of_settings(cls, template: str | None = None) -> "Partition":
        """As the variables say, or with another template."""
        template = settings.setting("partition") if template is None else template
        return cls(template, settings.partition_timezone(), settings.partition_slack())

    @property
    def names_a_time(self) -> bool:
        """Whether a file's name says which time it holds."""
        return bool(self._codes)

    def patterns(self, window: Window) -> list[str]:
        """The glob of each partition that may hold events of the window, in order of time."""
        if not self.names_a_time:
            return [self.template]
        return list(dict.fromkeys(map(self._name, self._periods(window))))

    def whole_hours(self, window: Window) -> Window:
        """The hours of which a run of the window reads every file that may hold their events."""
        if not self.names_a_time:
            return ANY_TIME
        periods = list(self._periods(window))
        if not periods:  # at the calendar's ends, where the zone's clocks would show the year 0
            return window.whole_hours
        before = self._floor(shifted(periods[0], -INSTANT))
        after = self._next(periods[-1])
        return Window(
            shifted(self._own_span(before).end, self.slack) if before < periods[0] else FIRST,
            shifted(self._own_span(after).start, -self.slack),
        ).whole_hours

    def span(self, name: str) -> Window | None:
        """The time that a file, or a glob of files, may hold; None where it holds none."""
        matches, codes = _names(tuple(self._parts))
        if not (match := matches(name)):
            return None
        if not self.names_a_time:
            return ANY_TIME
        try:
            # Without a zone: it is local time, in the zone of the partition.
            said = datetime.strptime(" ".join(match.groupdict().values()), codes)  # noqa: DTZ007
        except ValueError:
            return None
        return self._span(said)

    def _periods(self, window: Window) -> Iterator[datetime]:
        """The periods whose files may hold events of the window."""
        since, until = shifted(window.start, -self.slack), shifted(window.end, self.slack)
        period = self._floor(shifted(since.replace(tzinfo=None), -FARTHEST))
        end = shifted(until.replace(tzinfo=None), FARTHEST)
        while period < end:
            own = self._own_span(period)
            # An hour that the clocks leave out has no file.
            if own.start < own.end and own.start < until and since < own.end:
                yield period
            period = self._next(period)

    def _span(self, period: datetime) -> Window:
        own = self._own_span(period)
        return Window(shifted(own.start, -self.slack), shifted(own.end, self.slack))

    def _own_span(self, period: datetime) -> Window:
        """
        From the first to the last moment at which the zone's clocks show a time of the period.

        An hour that they show twice is long, one that they leave out is empty.
        """
        last = shifted(self._next(period), -INSTANT)
        return Window(self._moment(period, fold=0), shifted(self._moment(last, fold=1), INSTANT))

    def _moment(self, shown: datetime, fold: int) -> datetime:
        """The moment at which the zone's clocks show a time, for the first or second time."""
        try:
            return shown.replace(tzinfo=self.zone, fold=fold).astimezone(UTC)
        except OverflowError:
            return FIRST if shown.year == 1 else LAST

    def _floor(self, moment: datetime) -> datetime:
        """The period that a moment, as clocks show it, lies in."""
        if "%H" in self._codes:
            return moment.replace(minute=0, second=0, microsecond=0)
        day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        if "%d" in self._codes or "%j" in self._codes:
            return day
        return day.replace(day=1) if "%m" in self._codes else day.replace(month=1, day=1)

    def _next(self, period: datetime) -> datetime:
        if "%H" in self._codes:
            return shifted(period, HOUR)
        if "%d" in self._codes or "%j" in self._codes:
            return shifted(period, timedelta(days=1))
        # Past the end of any month, or of any year, whatever its length.
        past = shifted(period, timedelta(days=32 if "%m" in self._codes else 367))
        return past if past == LAST.replace(tzinfo=None) else self._floor(past)

    def _name(self, period: datetime) -> str:
        texts = (CODES[part][0].format(period) if part in CODES else part for part in self._parts)
        return "".join(texts)

    @cached_property
    def _codes(self) -> set[str]:
        return set(self._parts) & CODES.keys()

    @cached_property
    def _parts(self) -> list[str]:
        """The template taken apart into codes and the text between them."""
        parts = re.split(r"(%.?)", self.template, flags=re.DOTALL)
        codes = set(parts[1::2])
        if unknown := sorted(codes - CODES.keys()):
            raise AirflowFailException(
                f"The variable sparkify_partition is {self.template!r}; {unknown[0]!r} in it means "
                f"nothing. It may hold {', '.join(CODES)}, * and **."
            )
        for code in sorted(codes):
            if code in NEEDS and not NEEDS[code] & codes:
                raise AirflowFailException(
                    f"The variable sparkify_partition is {self.template!r}; {code} in it needs "
                    f"{' or '.join(sorted(NEEDS[code]))} beside it, to name one time."
                )
        return parts

    @property
    def literal_prefix(self) -> str:
        """What every name of an event file begins with."""
        return literal_prefix(self._parts[0])


def event_listing(url: str) -> Iterable[SourceFile]:
    """Every file of a source that may hold events, in one listing."""
    return open_source(url).list(Partition.of_settings().literal_prefix)


def events_span(url: str) -> tuple[datetime, datetime] | None:
    """The full hours, UTC, that the event files of a source span; None when it has none."""
    partition = Partition.of_settings()
    spans = [span for file in event_listing(url) if (span := partition.span(file.name))]
    if not spans:
        return None
    hours = Window(min(span.start for span in spans), max(span.end for span in spans)).touched_hours
    return hours.start, hours.end


def no_events(url: str) -> str:
    """That a source holds no event files, how they would be named, and what is there instead."""
    template = settings.setting("partition")
    source = open_source(url)
    names = near(source, Partition(template).literal_prefix)
    there = f"What is there: {', '.join(names)}." if names else "It holds no file at all."
    return (
        f"The source {url} holds no event files: none is named as the variable sparkify_partition "
        f"says, which is {template!r}. {there}"
    )


@cache
def _names(parts: tuple[str, ...]) -> tuple[Callable[[str], re.Match[str] | None], str]:
    """What matches the names of a template's files, and the codes whose texts it tells."""
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
