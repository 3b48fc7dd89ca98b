"""Blocks of JSON become rows ready for COPY; what cannot be loaded is named, not dropped."""

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import orjson
import polars as pl

from sparkify.records.blocks import Block, Segment
from sparkify.records.columns import SOURCE_FILE, Column
from sparkify.records.fast_path import PlainReader
from sparkify.records.keys import Spelling
from sparkify.records.objects import LONGEST_TEXT, Broken, Found, ObjectReader, Plain
from sparkify.records.rows import Misfit, RowReader
from sparkify.records.spans import FileSpans
from sparkify.records.triage import as_text, sift
from sparkify.sources.base import SourceFile

# What a line may hold that only a closer look can judge: an escaped half of a character, an escaped
# NUL, a letter written as an escape, which hides how a key is spelled, and an object or a list.
ODD = r"\\u(?:[dD][89a-fA-F]|00(?:00|[4-7]))|:[ \t\r]*[\[{]"

FILLED = re.compile(r"[^ \t\r\n][^\n]*")
"""A line that is not blank, from its first letter on."""


ENOUGH = 200_000
"""Characters of objects that are read in one go: a few would take nearly as long."""


class Reject(NamedTuple):
    """A record that cannot be loaded: where it stands, and why; ``moment`` as of a misfit."""

    file: SourceFile
    line: int | None
    column: str | None
    reason: str
    text: str
    moment: datetime | None = None


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


class RecordReader:
    """
    Reads blocks into the columns of one staging table.

    A plain block, each line of which is one object with the keys known so far, is parsed in one
    go. In any other the lines that are plain still are; the rest is looked at object by object.

    :param columns: the staging table's columns; a JSON key fills the column of its name, whatever
        its case
    :param rules: reason to predicate (SQL over the columns): rows that must not be loaded
    :param spans: the time that each file may hold, where its name says so
    :param by_file: whether each row says, in one more column, which file holds it
    """

    def __init__(
        self,
        columns: Sequence[Column],
        rules: Mapping[str, str] | None = None,
        spans: FileSpans | None = None,
        *,
        by_file: bool = False,
    ) -> None:
        self.columns = columns
        self.landed = [*columns, SOURCE_FILE] if by_file else list(columns)
        self._by_file = by_file
        self._spans = spans
        self._plain = PlainReader(columns, rules or {})
        self._table = RowReader(columns, rules or {})
        self._spelling = Spelling(column.name for column in columns)
        self._texts = [column.name for column in columns if column.is_text]
        self._waiting: list[tuple[Record, dict[str, Any]]] = []
        self._waiting_size = 0
        self._beside_others = False
        self._unfinished: ObjectReader | None = None
        self._last_line: tuple[SourceFile, int] | None = None

    def batches(self, blocks: Iterable[Block]) -> Iterator[Batch]:
        """Each block's rows and rejects, in order."""
        # The look and the parser need about as long, and neither needs the other.
        with ThreadPoolExecutor(1, thread_name_prefix="look") as looker:
            for block in blocks:
                self._learn(block)
                lines = b"".join(segment.whole_lines for segment in block)
                text = as_text(lines)
                looked = looker.submit(_odd_in, text, (self._spelling.others(), ODD))
                plain = self._plain_batch(block, lines)
                odd = looked.result()
                yield self._mixed_batch(block, text, odd) if odd or not plain else plain
        yield self._caught_up(Batch())

    def _learn(self, block: Block) -> None:
        """How the keys are spelled, from the first line that tells."""
        if not self._spelling.keys:
            with suppress(orjson.JSONDecodeError):
                first = orjson.loads(block[0].lines.partition(b"\n")[0])
                self._spelling.fits(first if isinstance(first, dict) else {})

    def _plain_batch(self, block: Block, lines: bytes) -> Batch | None:
        """The rows of a plain block; None when it is not plain, or hardly will be."""
        # Where one block holds something else, the next one nearly always does.
        if self._beside_others or self._unfinished or not self._spelling.keys:
            return None
        if any(segment.cuts_a_line for segment in block):
            return None
        rows: Counter[SourceFile] = Counter()
        for segment in block:
            rows[segment.file] += segment.line_count
        frame = self._plain.read(lines, self._spelling.keys, rows.total())
        if frame is None or self._any_outside(block, frame):
            return None
        named = self._named(frame, ((segment.file, segment.line_count) for segment in block))
        return Batch([named], rows, rows.copy())

    def _any_outside(self, block: Block, frame: pl.DataFrame) -> bool:
        """Whether a row of a plain block lies outside of what its file may hold."""
        files = ((segment.file, segment.line_count) for segment in block)
        return bool(
            self._spans and self._spans.outside(frame[self._spans.column], files) is not None
        )

    def _mixed_batch(self, block: Block, text: pl.Series, odd: Sequence[str]) -> Batch:
        """The rows of a block in which some objects have to be looked at one by one."""
        batch = Batch(rows=Counter({segment.file: 0 for segment in block}))
        sifted = sift(block, text, odd, partial(self._plain.sift, keys=self._spelling.keys))
        kept = [False] * sifted.rows.height
        files: list[tuple[SourceFile, int]] = []
        for segment, sound in zip(block, sifted.plain, strict=True):
            plain = self._inside(segment.file, sound, sifted.rows)
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
                    batch.rejects.append(_reject(record, values))
                else:
                    self._waiting.append((record, values))
                    self._waiting_size += len(record.text)
        self._beside_others = batch.rows.total() < batch.lines.total()
        if any(kept):
            batch.frames.append(self._named(sifted.rows.filter(pl.Series(kept)), files))
        return batch if self._waiting_size < ENOUGH else self._caught_up(batch)

    def _inside(
        self, file: SourceFile, plain: dict[int, int], rows: pl.DataFrame
    ) -> dict[int, int]:
        """Those of a file's plain lines whose rows lie in what it may hold."""
        if not (self._spans and plain):
            return plain
        moments = rows[self._spans.column].gather(list(plain.values()))
        outside = self._spans.outside(moments, [(file, len(plain))])
        if outside is None:
            return plain
        return {
            line: row for (line, row), out in zip(plain.items(), outside, strict=True) if not out
        }

    def _caught_up(self, batch: Batch) -> Batch:
        """The batch, with the rows of all objects that were looked at one by one until now."""
        if self._waiting:
            landed, misfits = self._table.land(
                self._table.read([values for _, values in self._waiting])
            )
            records = [record for record, _ in self._waiting]
            if self._spans:
                landed = _inside_spans(self._spans, landed, records, misfits)
            kept = (record for row, record in enumerate(records) if row not in misfits)
            batch.frames.append(self._named(landed, ((record.file, 1) for record in kept)))
            for row, record in enumerate(records):
                if misfit := misfits.get(row):
                    batch.rejects.append(_reject(record, misfit))
                else:
                    batch.rows[record.file] += 1
        self._waiting.clear()
        self._waiting_size = 0
        return batch

    def _values(self, found: Found | Broken) -> dict[str, Any] | Misfit:
        """An object's values by column, or why it has none."""
        if isinstance(found, Broken):
            return Misfit(None, found.reason)
        try:
            fields = found.first_values()
        except RecursionError:
            return Misfit(None, "nested too deeply")
        keys = self._spelling.keys if self._spelling.fits(fields) else self._spelling.of(fields)
        values = {column: fields.get(key) for column, key in keys.items()}
        for column in self._texts:
            if isinstance(values.get(column), dict | list):
                return Misfit(column, f"{column} is an object or a list, not text")
        return values

    def _objects(self, segment: Segment, plain: Container[int]) -> Iterator[Found | Broken | Plain]:
        """The objects of a segment, the one that its predecessor could not finish included."""
        reader = self._unfinished or ObjectReader(segment.first_line)
        yield from reader.objects(segment.lines, ends=segment.ends, plain=plain)
        self._unfinished = reader if reader.waits else None

    def _lines_taken(self, file: SourceFile, found: Found | Broken) -> int:
        """How many lines an object fills of which no object before it had a part."""
        is_shared = (file, found.line) == self._last_line
        self._last_line = (file, found.line + found.text.count("\n"))
        return len(FILLED.findall(found.text)) - is_shared

    def _named(self, rows: pl.DataFrame, files: Iterable[tuple[SourceFile, int]]) -> pl.DataFrame:
        """Rows with the names of their files, which come in the same order, where that is asked."""
        if not self._by_file:
            return rows
        names = [name for file, count in files for name in [file.name] * count]
        return rows.with_columns(pl.Series(SOURCE_FILE.name, names, pl.String))


def _inside_spans(
    spans: FileSpans, landed: pl.DataFrame, records: Sequence[Record], misfits: dict[int, Misfit]
) -> pl.DataFrame:
    """The rows that are left without those outside of what their files may hold: misfits, too."""
    rows = [row for row in range(len(records)) if row not in misfits]
    moments = landed[spans.column]
    outside = spans.outside(moments, ((records[row].file, 1) for row in rows))
    if outside is None:
        return landed
    for place in outside.arg_true():
        misfits[rows[place]] = spans.misfit(records[rows[place]].file, moments[place])
    return landed.filter(~outside)


def _odd_in(text: pl.Series, odd: Iterable[str]) -> list[str]:
    """Which of the regular expressions match anything in the text."""
    return [one for one in odd if text.str.contains(one)[0]]


def _reject(record: Record, misfit: Misfit) -> Reject:
    # A file may hold many of several megabytes, and no more than its beginning is kept of any.
    text = record.text[:LONGEST_TEXT]
    return Reject(record.file, record.line, misfit.column, misfit.reason, text, misfit.moment)
