"""Rows that COPY took from files of another time: found by counting, taken out by copying anew."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sparkify.sources.base import SourceFile
from sparkify.window import HOUR, Window

MINUTE = timedelta(minutes=1)


def outside(column: str, spans: Iterable[Window]) -> str:
    """The predicate of the rows that lie in none of the spans."""
    joined: list[Window] = []
    for span in sorted(set(spans), key=lambda span: span.start):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Window(joined[-1].start, max(span.end, joined[-1].end))
        else:
            joined.append(span)
    return f"not ({' or '.join(span.holds(column) for span in joined)})" if joined else ""


def unit(spans: Iterable[Window]) -> str:
    """The unit of time, as ``date_trunc`` has it, at whose full all spans begin and end."""
    moments = {moment for span in spans for moment in (span.start, span.end)}
    is_full = all(not (moment - datetime(1970, 1, 1, tzinfo=UTC)) % HOUR for moment in moments)
    return "hour" if is_full else "minute"


def agree(
    spans: Mapping[SourceFile, Window],
    loaded: Mapping[SourceFile, int],
    held: Mapping[datetime, int],
) -> bool:
    """
    Whether the rows of files may all lie in the spans of theirs, by their numbers.

    :param loaded: how many rows each file has, and maybe others have
    :param held: how many rows there are of each unit of time
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
    """The files in two groups, so that neighbours in time are not together."""
    order = sorted(set(spans.values()), key=lambda span: span.start)
    for chosen in (set(order[::2]), set(order[1::2])):
        yield [file for file, span in spans.items() if span in chosen]


def apart(
    spans: Mapping[SourceFile, Window], strays: Mapping[SourceFile, Sequence[datetime]]
) -> Iterator[list[SourceFile]]:
    """Groups of files in none of which a file's stray lies in the span of another."""
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
    """Finds, of many spans of about one length, those that hold a moment."""

    def __init__(self, spans: Iterable[Window]) -> None:
        self._spans = sorted(spans, key=lambda span: span.start)
        self._starts = [span.start for span in self._spans]

    def __call__(self, moment: datetime) -> Iterator[Window]:
        place = bisect_right(self._starts, moment)
        while place and self._spans[place - 1].end > moment:
            place -= 1
            yield self._spans[place]
