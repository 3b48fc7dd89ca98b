"""Strays: rows outside the time of their file, found by counting and removed by copying again."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from sparkify.sources.base import SourceFile
from sparkify.window import HOUR, Window, merge


def outside(column: str, spans: Iterable[Window]) -> str:
    """Return the predicate of the rows in none of the spans."""
    merged = merge(spans)
    return f"not ({' or '.join(span.holds(column) for span in merged)})" if merged else ""


def unit(spans: Iterable[Window]) -> str:
    """Return the unit, for ``date_trunc``, on which all spans begin and end."""
    moments = {moment for span in spans for moment in (span.start, span.end)}
    is_full = all(not (moment - datetime(1970, 1, 1, tzinfo=UTC)) % HOUR for moment in moments)
    return "hour" if is_full else "minute"


def agree(
    spans: Mapping[SourceFile, Window],
    loaded: Mapping[SourceFile, int],
    held: Mapping[datetime, int],
) -> bool:
    """
    Whether, judging by the counts, all rows may be within the span of their file.

    :param loaded: number of rows by file
    :param held: number of rows by unit of time
    """
    rows: Counter[Window] = Counter()
    for file, span in spans.items():
        rows[span] += loaded[file]
    most: Counter[Window] = Counter()
    least: Counter[Window] = Counter()
    holders_of = _Holders(rows)
    for moment, count in held.items():
        holders = list(holders_of(moment))
        if not holders:
            return False
        for span in holders:
            most[span] += count
            least[span] += count if len(holders) == 1 else 0
    return all(least[span] <= count <= most[span] for span, count in rows.items())


def alternating(spans: Mapping[SourceFile, Window]) -> Iterator[list[SourceFile]]:
    """Split the files into two groups in which no two are neighbours in time."""
    order = sorted(set(spans.values()), key=lambda span: span.start)
    for chosen in (set(order[::2]), set(order[1::2])):
        yield [file for file, span in spans.items() if span in chosen]


def separated(
    spans: Mapping[SourceFile, Window], strays: Mapping[SourceFile, Sequence[datetime]]
) -> Iterator[list[SourceFile]]:
    """Group the files so that no stray is in the span of another file of its group."""
    files = defaultdict(list)
    for file, span in spans.items():
        files[span].append(file)
    met: defaultdict[Window, set[Window]] = defaultdict(set)
    holders_of = _Holders(files)
    for file, moments in strays.items():
        for span in {span for moment in moments for span in holders_of(moment)}:
            met[span].add(spans[file])
            met[spans[file]].add(span)
    groups: list[list[Window]] = []
    for span in files:
        group = next((group for group in groups if met[span].isdisjoint(group)), None)
        if group is None:
            groups.append(group := [])
        group.append(span)
    for group in groups:
        yield [file for span in group for file in files[span]]


class _Holders:
    """Finds, among many spans of similar length, those that contain a moment."""

    def __init__(self, spans: Iterable[Window]) -> None:
        self._spans = sorted(spans, key=lambda span: span.start)
        self._starts = [span.start for span in self._spans]

    def __call__(self, moment: datetime) -> Iterator[Window]:
        place = bisect_right(self._starts, moment)
        while place and self._spans[place - 1].end > moment:
            place -= 1
            yield self._spans[place]
