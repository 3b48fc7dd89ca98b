"""Turn blocks of JSON into rows for COPY; records that cannot be loaded become rejects."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import polars as pl

from sparkify.records.background import in_background
from sparkify.records.blocks import Block, Segment, is_filled
from sparkify.records.columns import SOURCE_FILE, Column
from sparkify.records.keys import KeyMap
from sparkify.records.objects import LONGEST_TEXT, Broken, Found, ObjectReader
from sparkify.records.plain import Parsed, PlainLines, Run
from sparkify.records.rejects import Forgotten, Reject
from sparkify.records.rows import Misfit, RowReader
from sparkify.records.spans import FileSpans
from sparkify.sources.base import SourceFile

FILLED = re.compile(r"[^ \t\r\n][^\n]*")
"""A line that is not blank, from its first non-blank character."""

ENOUGH = 200_000
"""Characters of objects to hold back and parse together, since a few take nearly as long."""


@dataclass
class Batch:
    """
    The contents of a block: rows, their number by file, and rejects. ``forgotten`` counts the rows
    of forgotten users, which are left out.

    ``lines`` are the lines that are not blank, counted as lines. ``folded`` is the difference
    between lines and records: the further lines of records on several lines, less the records that
    begin on the line on which another one ends.

    :param is_closed: whether its last line is plain, so that no record goes on in the next block
    """

    frames: list[pl.DataFrame] = field(default_factory=list)
    rows: Counter[SourceFile] = field(default_factory=Counter)
    lines: Counter[SourceFile] = field(default_factory=Counter)
    folded: Counter[SourceFile] = field(default_factory=Counter)
    forgotten: Counter[SourceFile] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)
    is_closed: bool = True


class Record(NamedTuple):
    """The text of an object, and where it begins."""

    file: SourceFile
    line: int
    text: str


class RecordReader:
    """
    Reads blocks into the columns of one staging table.

    The plain lines of a block are parsed together, and the rest object by object.

    :param columns: the staging table's columns; a JSON key fills the column of its name, in any
        case
    :param rules: reason to predicate (SQL over the columns) of rows that must not be loaded
    :param spans: the time that each file may hold, if the names of files contain one
    :param forgotten: users whose records are left out
    :param by_file: whether to add a column with the name of each row's file
    :param held_back: how many characters of objects may be left for a later batch
    """

    def __init__(
        self,
        columns: Sequence[Column],
        rules: Mapping[str, str] | None = None,
        spans: FileSpans | None = None,
        forgotten: Forgotten | None = None,
        *,
        by_file: bool = False,
        held_back: int = ENOUGH,
    ) -> None:
        self.columns = columns
        self.staged = [*columns, SOURCE_FILE] if by_file else list(columns)
        self._by_file = by_file
        self._held_back = held_back
        self._spans = spans
        self._forgotten = forgotten or Forgotten()
        self._keys = KeyMap(column.name for column in columns)
        self._plain = PlainLines(columns, rules or {}, self._keys, spans)
        self._rows = RowReader(columns, rules or {})
        self._texts = [column.name for column in columns if column.is_text]
        self._pending: list[tuple[Record, dict[str, Any]]] = []
        self._pending_size = 0
        self._unfinished: ObjectReader | None = None
        self._last_line: tuple[SourceFile, int] | None = None
        self._is_closed = True

    def batches(self, blocks: Iterable[Block]) -> Iterator[Batch]:
        """Yield each block's rows and rejects, in order."""
        for matched in in_background(map(self._plain.match, blocks)):
            yield self._batch(self._plain.parse(matched))
        yield self._flush(Batch())

    def _batch(self, parsed: Parsed) -> Batch:
        """Return the rows of a block's plain lines, and read the objects of the others."""
        block, lines, end = parsed.matched.block, parsed.matched.each, 0
        batch = Batch(rows=Counter({segment.file: 0 for segment in block}))
        plain: list[Run] = []
        files: list[tuple[SourceFile, int]] = []
        for segment, runs in zip(block, parsed.runs(), strict=True):
            self._is_closed = runs[-1].is_plain if runs else self._is_closed
            start, end = end, end + segment.line_count
            for found in self._objects(batch, segment, runs, lines[start:end]):
                if isinstance(found, Run):
                    plain.append(found._replace(first=start + found.first))
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
        if plain:
            self._add(batch, parsed.rows_of(plain), files)
        batch.is_closed = self._is_closed
        return batch if self._pending_size <= self._held_back else self._flush(batch)

    def _objects(
        self, batch: Batch, segment: Segment, runs: Sequence[Run], lines: Sequence[bytes]
    ) -> Iterator[Found | Broken | Run]:
        """Yield the plain lines of a segment, and its objects, including one begun before it."""
        reader = self._unfinished
        for run in runs:
            its = lines[run.first : run.first + run.height]
            if not run.is_plain:
                # A line is counted where it begins.
                is_begun = segment.continues_line and not run.first and is_filled(its[0])
                batch.lines[segment.file] += sum(map(is_filled, its)) - is_begun
                reader = reader or ObjectReader(segment.first_line + run.first)
                text = b"".join(its)
                if segment.is_cut and run is runs[-1]:
                    text = text.removesuffix(b"\n")
                yield from reader.objects(text, is_last=False)
                continue
            batch.lines[segment.file] += run.height
            for line in its:
                # It may belong to an object that began above it.
                if not (reader and reader.is_inside):
                    break
                yield from reader.objects(line, is_last=False)
                run = run.without_first()
            if run.height:
                if reader:
                    yield from reader.end()
                    reader = None
                yield run
        if reader:
            yield from reader.objects(b"", is_last=segment.is_last)
        self._unfinished = reader if reader and reader.is_unfinished else None

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
