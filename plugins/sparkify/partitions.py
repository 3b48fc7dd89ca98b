"""Which files of a source hold which time: the partition template, read in both directions."""

import re
from collections.abc import Callable, Iterable, Iterator, Set
from datetime import UTC, datetime, timedelta
from functools import cache

from airflow.sdk.exceptions import AirflowFailException

from sparkify.globs import glob_expression, literal_prefix
from sparkify.settings import setting
from sparkify.source import SourceFile, open_source
from sparkify.window import Window

# The codes that a template may use, with their text and its form.
CODES = {
    "%Y": ("{0.year:04}", r"\d{4}"),
    "%m": ("{0.month:02}", r"\d{2}"),
    "%d": ("{0.day:02}", r"\d{2}"),
    "%j": ("{0:%j}", r"\d{3}"),
    "%H": ("{0.hour:02}", r"\d{2}"),
}

# What a code says nothing without.
NEEDS = {"%m": {"%Y"}, "%d": {"%m"}, "%j": {"%Y"}, "%H": {"%d", "%j"}}

ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""What the files of a template without a code may hold."""


def patterns(template: str, window: Window) -> list[str]:
    """The glob of each partition that overlaps the window, in order of time."""
    parts = _parts(template)
    found: dict[str, None] = {}
    for period in _periods(set(parts), window):
        texts = (CODES[part][0].format(period) if part in CODES else part for part in parts)
        found["".join(texts)] = None
    return list(found)


def whole(template: str, window: Window) -> Window:
    """The range of all partitions that overlap the window: what its files hold."""
    codes = set(_parts(template)) & CODES.keys()
    if not codes:
        return Window(*ANY_TIME)
    return Window(_floor(codes, window.start), _next(codes, max(_periods(codes, window))))


def span(template: str, name: str) -> tuple[datetime, datetime] | None:
    """The half-open UTC range that a file, or a glob of files, holds; None when it holds none."""
    parts = _parts(template)
    start = _start_of(parts, name)
    if start is None:
        return None
    return ANY_TIME if CODES.keys().isdisjoint(parts) else (start, _next(set(parts), start))


def event_listing(url: str) -> Iterable[SourceFile]:
    """Every file of a source that may hold events, in one listing."""
    return open_source(url).list(literal_prefix(_parts(setting("partition"))[0]))


def events_span(url: str) -> tuple[datetime, datetime] | None:
    """The half-open UTC range that the event files of a source span; None when it has none."""
    parts = _parts(setting("partition"))
    names = [file.name for file in event_listing(url)]
    starts = [start for name in names if (start := _start_of(parts, name))]
    if not starts:
        return None
    if CODES.keys().isdisjoint(parts):
        return ANY_TIME
    return min(starts), _next(set(parts), max(starts))


def _parts(template: str) -> list[str]:
    """A template taken apart into codes and the text between them."""
    parts = re.split(r"(%.?)", template, flags=re.DOTALL)
    codes = set(parts[1::2])
    if unknown := sorted(codes - CODES.keys()):
        raise AirflowFailException(
            f"The variable sparkify_partition is {template!r}; {unknown[0]!r} in it means nothing. "
            f"It may hold {', '.join(CODES)}, * and **."
        )
    for code in sorted(codes):
        if code in NEEDS and not NEEDS[code] & codes:
            raise AirflowFailException(
                f"The variable sparkify_partition is {template!r}; {code} in it needs "
                f"{' or '.join(sorted(NEEDS[code]))} beside it, to name one time."
            )
    return parts


def _periods(codes: Set[str], window: Window) -> Iterator[datetime]:
    period = _floor(codes, window.start)
    while period < window.end:
        yield period
        period = _next(codes, period)


def _floor(codes: Set[str], moment: datetime) -> datetime:
    if "%H" in codes:
        return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if "%d" in codes or "%j" in codes:
        return day
    return day.replace(day=1) if "%m" in codes else day.replace(month=1, day=1)


def _next(codes: Set[str], period: datetime) -> datetime:
    if "%H" in codes:
        return period + timedelta(hours=1)
    if "%d" in codes or "%j" in codes:
        return period + timedelta(days=1)
    # Past the end of any month, or of any year, whatever its length.
    return _floor(codes, period + timedelta(days=32 if "%m" in codes else 367))


def _start_of(parts: list[str], name: str) -> datetime | None:
    """The start of the partition that a file's name belongs to; None when it belongs to none."""
    matches, codes = _names(tuple(parts))
    if not (match := matches(name)):
        return None
    if not codes:
        return ANY_TIME[0]
    try:
        return datetime.strptime(" ".join(match.groupdict().values()), codes).replace(tzinfo=UTC)
    except ValueError:
        return None


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
