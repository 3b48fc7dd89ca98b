"""Blocks of JSON become rows ready for COPY; what cannot be loaded is named, not dropped."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import polars as pl
from polars.exceptions import PolarsError

from sparkify.blocks import Block, Segment
from sparkify.columns import Column
from sparkify.objects import Broken, Found, Lines, ObjectReader
from sparkify.plain import PlainReader
from sparkify.rows import Misfit, RowReader
from sparkify.source import SourceFile
from sparkify.spelling import Spelling

# What a line may hold that only a closer look can judge: an escaped half of a character, an escaped
# NUL, a letter written as an escape, which hides how a key is spelled, and an object or a list.
ODD = r"\\u(?:[dD][89a-fA-F]|00(?:00|[4-7]))|:[ \t\r]*[\[{]"

NUL = r"\u0000"
"""How a NUL is written: as it is, JSON does not allow it."""

FILLED = re.compile(r"[^ \t\r\n][^\n]*")
"""A line that is not blank, from its first letter on."""


class Reject(NamedTuple):
    """A record that cannot be loaded: where it stands, and why."""

    file: SourceFile
    line: int
    column: str | None
    reason: str
    text: str


@dataclass
class Batch:
    """
    What a block held: rows, their number by file, and the rejects.

    ``lines`` are those that are not blank, counted before anything was read from them; ``folded``
    are the lines beyond one a record: inside a record of several lines, less the records that
    begin on a line where another one ended.
    """

    frames: list[pl.DataFrame] = field(default_factory=list)
    rows: Counter[SourceFile] = field(default_factory=Counter)
    lines: Counter[SourceFile] = field(default_factory=Counter)
    folded: Counter[SourceFile] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)


class Record(NamedTuple):
    """The text of one object, and where it begins."""

    file: SourceFile
    line: int
    text: str


class Run(NamedTuple):
    """Objects of one file, one a line, and where the first of them begins."""

    file: SourceFile
    first_line: int
    lines: str
    height: int

    def record(self, index: int) -> Record:
        """One of them, counted from 0."""
        text = self.lines.split("\n")[index] if self.height > 1 else self.lines
        return Record(self.file, self.first_line + index, text)

    def part(self, start: int, stop: int) -> "Run":
        """Some of them."""
        lines = self.lines.split("\n")[start:stop]
        return Run(self.file, self.first_line + start, "\n".join(lines), stop - start)


Keys = tuple[tuple[str, str], ...]
"""Columns, each with the key that fills it; none where they are as usual."""


class RecordReader:
    """
    Reads blocks into the columns of one staging table.

    A plain block, each line of which is one object with the keys known so far, is parsed in one
    go. In any other the objects are found first; those with these keys, one a line, are still
    parsed in one go.

    :param columns: the staging table's columns; a JSON key fills the column of its name, whatever
        its case
    :param rules: reason to predicate (SQL over the columns): rows that must not be loaded
    """

    def __init__(self, columns: Sequence[Column], rules: Mapping[str, str] | None = None) -> None:
        self.columns = columns
        self._plain = PlainReader(columns, rules or {})
        self._table = RowReader(columns, rules or {})
        self._spelling = Spelling(column.name for column in columns)
        self._texts = [column.name for column in columns if column.is_text]
        self._unfinished: ObjectReader | None = None
        self._last_line: tuple[SourceFile, int] | None = None

    def batches(self, blocks: Iterable[Block]) -> Iterator[Batch]:
        """Each block's rows and rejects, in order."""
        # The look and the parser need about as long, and neither needs the other.
        with ThreadPoolExecutor(1, thread_name_prefix="look") as looker:
            for block in blocks:
                yield self._plain_batch(block, looker) or self._mixed_batch(block)

    def _plain_batch(self, block: Block, looker: Executor) -> Batch | None:
        """The rows of a plain block; None when it is not plain."""
        if self._unfinished or any(segment.cuts_a_line for segment in block):
            return None
        rows: Counter[SourceFile] = Counter()
        for segment in block:
            rows[segment.file] += segment.line_count
        keys = self._spelling.keys
        try:
            lines = b"".join(segment.whole_lines for segment in block)
            if not keys:
                return None
            # What is odd is said here: a mixed block, begun meanwhile, would learn new spellings.
            is_plain = looker.submit(_is_plain, lines, (self._spelling.others(), ODD))
            plain = self._plain.read(lines, keys, rows.total())
            if not is_plain.result():
                return None
            if plain is not None:
                return Batch([plain], rows, rows.copy())
            frame = self._table.read(lines, keys, rows.total())
        except (PolarsError, UnicodeDecodeError):
            return None
        batch = Batch(rows=rows, lines=rows.copy())
        self._keep(frame, batch, lambda row: _line_of(block, row), nuls=False)
        return batch

    def _mixed_batch(self, block: Block) -> Batch:
        """The rows of a block whose objects have to be looked at one by one."""
        batch = Batch(rows=Counter({segment.file: 0 for segment in block}))
        alike: dict[Keys, list[Run]] = defaultdict(list)
        for segment in block:
            batch.lines[segment.file] += segment.filled_lines
            for found in self._objects(segment):
                if isinstance(found, Lines):
                    alike[()].append(Run(segment.file, found.line, found.text[:-1], found.height))
                    continue
                batch.folded[segment.file] += self._lines_taken(segment.file, found) - 1
                record = Record(segment.file, found.line, found.text)
                if isinstance(found, Broken):
                    batch.rejects.append(_reject(record, Misfit(None, found.reason)))
                elif misfit := self._nested(found):
                    batch.rejects.append(_reject(record, misfit))
                else:
                    alike[self._keys(found)].append(Run(*record, height=1))
        for keys, runs in alike.items():
            self._add(runs, dict(keys) if keys else self._spelling.keys, batch)
        return batch

    def _keys(self, found: Found) -> Keys:
        """Which key fills which column, where that is not as usual."""
        if self._spelling.fits(found.fields):
            return ()
        return tuple(self._spelling.of(found.fields).items())

    def _is_usual(self, line: str, fields: dict[str, Any]) -> bool:
        """Whether an object's keys fill columns as usual, and none with an object or a list."""
        return self._spelling.fits(fields) and not _may_nest(line)

    def _objects(self, segment: Segment) -> Iterator[Found | Broken | Lines]:
        """The objects of a segment, the one that its predecessor could not finish included."""
        reader = self._unfinished or ObjectReader(segment.first_line, self._is_usual)
        yield from reader.objects(segment.lines, ends=segment.ends, goes_on=segment.goes_on)
        self._unfinished = reader if reader.waits else None

    def _lines_taken(self, file: SourceFile, found: Found | Broken) -> int:
        """How many lines an object fills of which no object before it had a part."""
        is_shared = (file, found.line) == self._last_line
        self._last_line = (file, found.line + found.text.count("\n"))
        return len(FILLED.findall(found.text)) - is_shared

    def _nested(self, found: Found) -> Misfit | None:
        """An object or a list where a text should be."""
        if not _may_nest(found.text):
            return None
        try:
            fields = found.first_values()
        except RecursionError:
            return Misfit(None, "nested too deeply")
        keys = self._spelling.of(fields)
        for column in self._texts:
            if isinstance(fields.get(keys.get(column, "")), dict | list):
                return Misfit(column, f"{column} is an object or a list, not text")
        return None

    def _add(self, runs: Sequence[Run], keys: Mapping[str, str], batch: Batch) -> None:
        """Add the rows of objects with the same keys, and those that turn out not to fit."""
        texts = (run.lines if run.height > 1 else run.lines.replace("\n", " ") for run in runs)
        lines = "\n".join(texts)
        height = sum(run.height for run in runs)
        try:
            frame = self._table.read(lines.encode(), keys, height)
        except PolarsError as error:
            # What orjson reads and polars does not, such as a number of 40 digits.
            if height == 1:
                reason = f"not readable: {error}"
                batch.rejects.append(_reject(runs[0].record(0), Misfit(None, reason)))
                return
            for half in _halves(runs):
                self._add(half, keys, batch)
            return
        for run in runs:
            batch.rows[run.file] += run.height
        self._keep(frame, batch, lambda row: _record_of(runs, row), nuls=NUL in lines)

    def _keep(
        self, frame: pl.DataFrame, batch: Batch, origin: Callable[[int], Record], *, nuls: bool
    ) -> None:
        """Add rows that are counted already, but for those that do not fit."""
        landed, misfits = self._table.land(frame, nuls=nuls)
        batch.frames.append(landed)
        for row, misfit in misfits.items():
            record = origin(row)
            batch.rows[record.file] -= 1
            batch.rejects.append(_reject(record, misfit))


def _is_plain(lines: bytes, odd: Iterable[str]) -> bool:
    text = pl.Series([lines.decode()])
    return not any(text.str.contains(one)[0] for one in odd)


def _reject(record: Record, misfit: Misfit) -> Reject:
    return Reject(record.file, record.line, misfit.column, misfit.reason, record.text)


def _may_nest(text: str) -> bool:
    """Whether an object may hold a list or another object; a text may look like it."""
    return "[" in text or text.rfind("{") > text.find("{")


def _halves(runs: Sequence[Run]) -> tuple[Sequence[Run], Sequence[Run]]:
    if len(runs) > 1:
        half = len(runs) // 2
        return runs[:half], runs[half:]
    [run] = runs
    half = run.height // 2
    return [run.part(0, half)], [run.part(half, run.height)]


def _record_of(runs: Iterable[Run], row: int) -> Record:
    """The object that became a row."""
    for run in runs:
        if row < run.height:
            return run.record(row)
        row -= run.height
    raise IndexError(row)


def _line_of(block: Block, row: int) -> Record:
    """The line of a plain block that became a row."""
    for segment in block:
        if row < segment.line_count:
            return Record(segment.file, segment.first_line + row, segment.line(row))
        row -= segment.line_count
    raise IndexError(row)
