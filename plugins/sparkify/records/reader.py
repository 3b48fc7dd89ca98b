"""Turn blocks of JSON into rows for COPY; records that cannot be loaded become rejects."""

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import orjson
import polars as pl

from sparkify.records.blocks import Block, Segment
from sparkify.records.columns import SOURCE_FILE, Column
from sparkify.records.fast_path import FastPath
from sparkify.records.keys import KeyMap
from sparkify.records.objects import LONGEST_TEXT, Broken, Found, ObjectReader, Plain
from sparkify.records.rejects import Forgotten, Reject
from sparkify.records.rows import Misfit, RowReader
from sparkify.records.spans import FileSpans
from sparkify.records.triage import as_text, triage
from sparkify.sources.base import SourceFile

# What makes a line need a closer look: an escaped surrogate, an escaped NUL, an escaped letter,
# which hides the spelling of a key, and an object or a list.
ODD = r"\\u(?:[dD][89a-fA-F]|00(?:00|[4-7]))|:[ \t\r]*[\[{]"

FILLED = re.compile(r"[^ \t\r\n][^\n]*")
"""A line that is not blank, from its first non-blank character."""

ENOUGH = 200_000
"""Characters of objects to parse together, since a few take nearly as long."""


@dataclass
class Batch:
    """
    The contents of a block: rows, their number by file, and rejects. ``forgotten`` counts the rows
    of forgotten users, which are left out.

    ``lines`` are the lines that are not blank, counted before parsing. ``folded`` is the difference
    between lines and records: the further lines of records on several lines, less the records that
    begin on the line on which another one ends.
    """

    frames: list[pl.DataFrame] = field(default_factory=list)
    rows: Counter[SourceFile] = field(default_factory=Counter)
    lines: Counter[SourceFile] = field(default_factory=Counter)
    folded: Counter[SourceFile] = field(default_factory=Counter)
    forgotten: Counter[SourceFile] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)


class Record(NamedTuple):
    """The text of an object, and where it begins."""

    file: SourceFile
    line: int
    text: str


class RecordReader:
    """
    Reads blocks into the columns of one staging table.

    A plain block, in which every line is one object with the keys seen so far, is parsed at once.
    In any other block the plain lines are parsed together, and the rest object by object.

    :param columns: the staging table's columns; a JSON key fills the column of its name, in any
        case
    :param rules: reason to predicate (SQL over the columns) of rows that must not be loaded
    :param spans: the time that each file may hold, if the names of files contain one
    :param forgotten: users whose records are left out
    :param by_file: whether to add a column with the name of each row's file
    """

    def __init__(
        self,
        columns: Sequence[Column],
        rules: Mapping[str, str] | None = None,
        spans: FileSpans | None = None,
        forgotten: Forgotten | None = None,
        *,
        by_file: bool = False,
    ) -> None:
        self.columns = columns
        self.staged = [*columns, SOURCE_FILE] if by_file else list(columns)
        self._by_file = by_file
        self._spans = spans
        self._forgotten = forgotten or Forgotten()
        self._fast_path = FastPath(columns, rules or {})
        self._rows = RowReader(columns, rules or {})
        self._keys = KeyMap(column.name for column in columns)
        self._texts = [column.name for column in columns if column.is_text]
        self._pending: list[tuple[Record, dict[str, Any]]] = []
        self._pending_size = 0
        self._last_was_mixed = False
        self._unfinished: ObjectReader | None = None
        self._last_line: tuple[SourceFile, int] | None = None

    def batches(self, blocks: Iterable[Block]) -> Iterator[Batch]:
        """Yield each block's rows and rejects, in order."""
        # Searching and parsing take about the same time, and do not depend on each other.
        with ThreadPoolExecutor(1, thread_name_prefix="search") as executor:
            for block in blocks:
                self._learn(block)
                lines = b"".join(segment.whole_lines for segment in block)
                text = as_text(lines)
                search = executor.submit(_matching, text, (self._keys.others(), ODD))
                plain = self._plain_batch(block, lines)
                odd = search.result()
                yield self._mixed_batch(block, text, odd) if odd or not plain else plain
        yield self._flush(Batch())

    def _learn(self, block: Block) -> None:
        """Learn the spelling of keys from a first line that is an object."""
        if not self._keys.by_column:
            with suppress(orjson.JSONDecodeError):
                first = orjson.loads(block[0].lines.partition(b"\n")[0])
                self._keys.fits(first if isinstance(first, dict) else {})

    def _plain_batch(self, block: Block, lines: bytes) -> Batch | None:
        """Parse a plain block; return None if it is not plain, or unlikely to be."""
        # A block after one that was not plain is nearly always not plain either.
        if self._last_was_mixed or self._unfinished or not self._keys.by_column:
            return None
        if any(segment.is_cut for segment in block):
            return None
        rows: Counter[SourceFile] = Counter()
        for segment in block:
            rows[segment.file] += segment.line_count
        frame = self._fast_path.read(lines, self._keys.by_column, rows.total())
        if frame is None or self._any_outside(block, frame):
            return None
        batch = Batch(rows=rows, lines=rows.copy())
        self._add(batch, frame, [(segment.file, segment.line_count) for segment in block])
        return batch

    def _any_outside(self, block: Block, frame: pl.DataFrame) -> bool:
        """Whether a row of a plain block is outside the time of its file."""
        files = ((segment.file, segment.line_count) for segment in block)
        return bool(
            self._spans and self._spans.outside(frame[self._spans.column], files) is not None
        )

    def _mixed_batch(self, block: Block, text: pl.Series, odd: Sequence[str]) -> Batch:
        """Parse a block in which some objects have to be examined one by one."""
        batch = Batch(rows=Counter({segment.file: 0 for segment in block}))
        triaged = triage(
            block, text, odd, partial(self._fast_path.triage, keys=self._keys.by_column)
        )
        kept = [False] * triaged.rows.height
        files: list[tuple[SourceFile, int]] = []
        for segment, candidates in zip(block, triaged.plain, strict=True):
            plain = self._inside(segment.file, candidates, triaged.rows)
            batch.lines[segment.file] += segment.filled_lines
            for found in self._objects(segment, plain):
                if isinstance(found, Plain):
                    first = plain[found.line]
                    kept[first : first + found.height] = [True] * found.height
                    batch.rows[segment.file] += found.height
                    files.append((segment.file, found.height))
                    continue
                batch.folded[segment.file] += self._lines_taken(segment.file, found) - 1
                record = Record(segment.file, found.line, found.text)
                values = self._values(found)
                if isinstance(values, Misfit):
                    batch.rejects.append(self._reject(record, values))
                else:
                    self._pending.append((record, values))
                    self._pending_size += len(record.text)
        self._last_was_mixed = batch.rows.total() < batch.lines.total()
        if any(kept):
            self._add(batch, triaged.rows.filter(pl.Series(kept)), files)
        return batch if self._pending_size < ENOUGH else self._flush(batch)

    def _inside(
        self, file: SourceFile, plain: dict[int, int], rows: pl.DataFrame
    ) -> dict[int, int]:
        """Return those of a file's plain lines whose rows are within its time."""
        if not (self._spans and plain):
            return plain
        moments = rows[self._spans.column].gather(list(plain.values()))
        outside = self._spans.outside(moments, [(file, len(plain))])
        if outside is None:
            return plain
        return {
            line: row for (line, row), out in zip(plain.items(), outside, strict=True) if not out
        }

    def _flush(self, batch: Batch) -> Batch:
        """Add the rows of all pending objects, which were examined one by one, to the batch."""
        if self._pending:
            values = [values for _, values in self._pending]
            staged, misfits = self._rows.stage(self._rows.read(values))
            records = [record for record, _ in self._pending]
            if self._spans:
                staged = _inside_spans(self._spans, staged, records, misfits)
            kept = [record.file for row, record in enumerate(records) if row not in misfits]
            batch.rows.update(kept)
            self._add(batch, staged, [(file, 1) for file in kept])
            batch.rejects += [self._reject(records[row], misfits[row]) for row in sorted(misfits)]
        self._pending.clear()
        self._pending_size = 0
        return batch

    def _values(self, found: Found | Broken) -> dict[str, Any] | Misfit:
        """Return an object's values by column, or why it has none."""
        if isinstance(found, Broken):
            return Misfit(None, found.reason)
        try:
            fields = found.first_values()
        except RecursionError:
            return Misfit(None, "nested too deeply")
        keys = self._keys.by_column if self._keys.fits(fields) else self._keys.of(fields)
        values = {column: fields.get(key) for column, key in keys.items()}
        for column in self._texts:
            if isinstance(values.get(column), dict | list):
                return Misfit(column, f"{column} is an object or a list instead of text")
        return values

    def _objects(self, segment: Segment, plain: Container[int]) -> Iterator[Found | Broken | Plain]:
        """Yield the objects of a segment, including one begun in the previous segment."""
        reader = self._unfinished or ObjectReader(segment.first_line)
        yield from reader.objects(segment.lines, is_last=segment.is_last, plain=plain)
        self._unfinished = reader if reader.is_unfinished else None

    def _lines_taken(self, file: SourceFile, found: Found | Broken) -> int:
        """Count the lines of an object, except one shared with the object before it."""
        is_shared = (file, found.line) == self._last_line
        self._last_line = (file, found.line + found.text.count("\n"))
        return len(FILLED.findall(found.text)) - is_shared

    def _add(
        self, batch: Batch, rows: pl.DataFrame, files: Sequence[tuple[SourceFile, int]]
    ) -> None:
        """
        Add rows to a batch that has counted them, except those of forgotten users.

        :param files: the rows' files, in the same order; named in a column if ``by_file``
        """
        if self._by_file:
            names = [name for file, count in files for name in [file.name] * count]
            rows = rows.with_columns(pl.Series(SOURCE_FILE.name, names, pl.String))
        if self._forgotten.users:
            is_forgotten = rows[self._forgotten.column].is_in(list(self._forgotten.users))
            gone = _count_by_file(is_forgotten, files)
            batch.forgotten.update(gone)
            batch.rows.subtract(gone)
            rows = rows.filter(~is_forgotten.fill_null(value=False))
        batch.frames.append(rows)

    def _reject(self, record: Record, misfit: Misfit) -> Reject:
        whole = Reject(
            record.file, record.line, misfit.column, misfit.reason, record.text, misfit.moment
        )
        reject = self._forgotten.redact(whole)
        # A file may have many rejects of several megabytes, and only their beginning is stored.
        return reject._replace(text=reject.text[:LONGEST_TEXT])


def _inside_spans(
    spans: FileSpans, staged: pl.DataFrame, records: Sequence[Record], misfits: dict[int, Misfit]
) -> pl.DataFrame:
    """Remove the rows outside the time of their files, and add them to the misfits."""
    rows = [row for row in range(len(records)) if row not in misfits]
    moments = staged[spans.column]
    outside = spans.outside(moments, ((records[row].file, 1) for row in rows))
    if outside is None:
        return staged
    for place in outside.arg_true():
        misfits[rows[place]] = spans.misfit(records[rows[place]].file, moments[place])
    return staged.filter(~outside)


def _matching(text: pl.Series, patterns: Iterable[str]) -> list[str]:
    """Return those of the patterns that occur in the text."""
    return [pattern for pattern in patterns if text.str.contains(pattern)[0]]


def _count_by_file(
    marks: pl.Series, files: Iterable[tuple[SourceFile, int]]
) -> Counter[SourceFile]:
    """Count the marked rows of each file, given in the order of the rows."""
    found: Counter[SourceFile] = Counter()
    row = 0
    for file, count in files:
        found[file] += int(marks[row : row + count].sum())
        row += count
    return found
