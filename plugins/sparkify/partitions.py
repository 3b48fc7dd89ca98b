"""Which files of a source hold which time: the partition template, read in both directions."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sparkify.settings import setting
from sparkify.source import glob_expression, literal_prefix, open_source
from sparkify.window import Window

# strftime's codes that a template may use, with the text each one writes.
CODES = {"%Y": r"\d{4}", "%m": r"\d{2}", "%d": r"\d{2}", "%j": r"\d{3}", "%H": r"\d{2}"}


def patterns(template: str, window: Window) -> list[str]:
    """The glob of each partition that overlaps the window, in order of time."""
    found = (period.strftime(template) for period in _periods(template, window))
    return list(dict.fromkeys(found))


def events_span(url: str) -> tuple[datetime, datetime] | None:
    """The half-open UTC range that the event files of a source span; None when it has none."""
    template = setting("partition")
    files = open_source(url).list(literal_prefix(re.split("%", template)[0]))
    starts = [start for file in files if (start := _start_of(template, file.name))]
    if not starts:
        return None
    return min(starts), _next(template, max(starts))


def _periods(template: str, window: Window) -> Iterator[datetime]:
    period = _floor(template, window.start)
    while period < window.end:
        yield period
        period = _next(template, period)


def _floor(template: str, moment: datetime) -> datetime:
    if "%H" in template:
        return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if "%d" in template or "%j" in template:
        return day
    return day.replace(day=1) if "%m" in template else day.replace(month=1, day=1)


def _next(template: str, period: datetime) -> datetime:
    if "%H" in template:
        return period + timedelta(hours=1)
    if "%d" in template or "%j" in template:
        return period + timedelta(days=1)
    # Past the end of any month, or of any year, whatever its length.
    return _floor(template, period + timedelta(days=32 if "%m" in template else 367))


def _start_of(template: str, name: str) -> datetime | None:
    """The start of the partition that a file's name belongs to; None when it belongs to none."""
    parts = re.split(r"(%[a-zA-Z])", template)
    used: list[str] = []
    expression = ""
    for part in parts:
        if part not in CODES:
            expression += glob_expression(part)
        elif part in used:
            expression += f"(?P={part[1]})"
        else:
            used.append(part)
            expression += f"(?P<{part[1]}>{CODES[part]})"
    if not (match := re.fullmatch(expression, name)):
        return None
    values = match.groupdict()
    text = " ".join(values.values())
    form = " ".join(f"%{code}" for code in values)
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None
