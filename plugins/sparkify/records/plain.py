"""Parse the plain lines of a block together: objects whose values are written as they should be."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, reduce
from operator import or_
from typing import NamedTuple

import orjson
import polars as pl
from polars.exceptions import PolarsError

from sparkify.records.blocks import Block
from sparkify.records.columns import JSON_SCALAR, Column, PolarsType
from sparkify.records.keys import KeyMap, no_name
from sparkify.records.spans import FileSpans
from sparkify.sources.base import SourceFile

LEARNED = 16
"""How many lines of each block show how the source writes its keys and numbers."""


class Matched(NamedTuple):
    """
    The lines of a block, and which of them look plain.

    :param block: the segments, with only the last byte of their text
    :param each: the lines one by one, each with a newline unless the next segment continues it
    :param likely: marks the lines that look plain
    :param texts: those lines
    :param keys: the key that fills each column
    :param as_text: the columns whose numbers are parsed as text
    """

    block: Block
    each: list[bytes]
    likely: pl.Series
    texts: pl.Series
    keys: Mapping[str, str]
    as_text: frozenset[str]


class Run(NamedTuple):
    """Consecutive lines, counted from 0, which all are plain, or none of which is."""

    first: int
    height: int
    is_plain: bool

    def without_first(self) -> "Run":
        """Return the run without its first line."""
        return self._replace(first=self.first + 1, height=self.height - 1)


class Parsed(NamedTuple):
    """
    The lines of a block, and the rows of the likely ones.

    :param rows: as sent to COPY
    :param plain: marks the plain lines, which are some of the likely ones
    """

    matched: Matched
    rows: pl.DataFrame
    plain: pl.Series

    def runs(self) -> Iterator[list[Run]]:
        """Yield the runs of each segment."""
        ends = self.plain.rle().struct.unnest().iter_rows()
        left, is_plain = 0, False
        for segment in self.matched.block:
            runs, first = [], 0
            while first < segment.line_count:
                if not left:
                    left, is_plain = next(ends)
                height = min(left, segment.line_count - first)
                runs.append(Run(first, height, is_plain))
                first += height
                left -= height
            yield runs

    def rows_of(self, runs: Sequence[Run]) -> pl.DataFrame:
        """Return the rows of some runs, which count from the first line of the block."""
        if sum(run.height for run in runs) == self.rows.height:
            return self.rows
        kept = [False] * len(self.matched.each)
        for run in runs:
            kept[run.first : run.first + run.height] = [True] * run.height
        return self.rows.filter(pl.Series(kept).filter(self.matched.likely))


class PlainLines:
    """
    Finds and parses the plain lines of blocks.

    A pattern tells which lines hold one object with the known keys, and values that need no second
    look. They are parsed as the types that they should have, column by column, because planning
    expressions takes longer than evaluating them for one block.

    :param columns: the staging table's columns
    :param rules: reason to predicate (SQL over the columns) of rows that must not be loaded
    :param keys: which key fills which column
    :param spans: the time that each file may hold, if the names of files contain one
    """

    def __init__(
        self,
        columns: Sequence[Column],
        rules: Mapping[str, str],
        keys: KeyMap,
        spans: FileSpans | None,
    ) -> None:
        self.columns = columns
        broken = [pl.sql_expr(rule).fill_null(value=False) for rule in rules.values()]
        self._breaks_rule = pl.any_horizontal(pl.repeat(value=False, n=pl.len()), *broken)
        self._keys = keys
        self._spans = spans
        self._as_text: frozenset[str] = frozenset()
        self._foreign = no_name(column.name for column in columns)
        self._line = lru_cache(1)(self._line_of)

    def match(self, block: Block) -> Matched:
        """Split a block into lines, and mark those that look plain."""
        each = [line for segment in block for line in segment.split()]
        self._learn(each[:LEARNED])
        keys, as_text = self._keys.by_column, self._as_text
        pattern = self._line(tuple(keys.items()), as_text)
        texts = _texts(each)
        likely = texts.str.contains(pattern).fill_null(value=False)
        if any(segment.continues_line for segment in block):
            likely &= ~pl.Series(_continued(block), dtype=pl.Boolean)
        texts = texts if likely.all() else texts.filter(likely)
        # The text of the block is let go.
        segments = [segment._replace(lines=segment.lines[-1:]) for segment in block]
        return Matched(segments, each, likely, texts, keys, as_text)

    def parse(self, matched: Matched) -> Parsed:
        """Parse the lines that look plain, and determine which are."""
        if matched.likely.any():
            # What another version of polars refuses is read with care, too.
            with suppress(PolarsError):
                return self._parse(matched)
        none = matched.likely & False
        return Parsed(matched._replace(likely=none), pl.DataFrame(), none)

    def _parse(self, matched: Matched) -> Parsed:
        rows, is_sound = self._rows(matched)
        if self._spans:
            outside = self._spans.outside(rows[self._spans.column], _by_file(matched))
            is_sound = is_sound if outside is None else is_sound & ~outside
        plain = matched.likely
        if not is_sound.all():
            plain = plain.clone().scatter(plain.arg_true(), is_sound)
        return Parsed(matched, rows, plain)

    def _learn(self, lines: Iterable[bytes]) -> None:
        """Learn the spelling of keys, and which numbers are written as text or with a fraction."""
        for line in lines:
            with suppress(orjson.JSONDecodeError):
                fields = orjson.loads(line)
                if isinstance(fields, dict):
                    self._keys.fits(fields)
                    self._as_text |= {
                        column.name
                        for column in self.columns
                        if column.needs_text(fields.get(self._keys.by_column.get(column.name)))
                    }

    def _line_of(self, keys: Sequence[tuple[str, str]], as_text: frozenset[str]) -> str:
        """Return the pattern of a line that looks plain."""
        blank = r"[ \t\r]*"
        columns = {column.name: column for column in self.columns}
        pairs = {f'"{self._foreign}"': JSON_SCALAR} | {
            f'"{key}"': columns[name].plain(as_text=name in as_text) for name, key in keys
        }
        spelled: dict[str, list[str]] = {}
        for key, value in pairs.items():
            spelled.setdefault(value, []).append(key)
        pair = "|".join(
            f"(?:{'|'.join(keys)}){blank}:{blank}(?:{value})" for value, keys in spelled.items()
        )
        return rf"^\{{{blank}(?:{pair})(?:{blank},{blank}(?:{pair}))*{blank}\}}\r?\n$"

    def _rows(self, matched: Matched) -> tuple[pl.DataFrame, pl.Series]:
        """Return a row per likely line, and which rows may be loaded; raise PolarsError if odd."""
        parsed = matched.texts.str.json_decode(pl.Struct(self._schema(matched)))
        values = parsed.struct.unnest()
        texts = [key for key, dtype in values.schema.items() if dtype == pl.String]
        lengths = values.select(pl.col(texts).str.len_bytes())
        staged, odd = [], []
        for column in self.columns:
            if (key := matched.keys.get(column.name)) is None:
                nulls = pl.Series(column.name, dtype=column.staged_type).clear(values.height)
                staged.append(nulls)
                odd += [nulls.is_null()] if column.required else []
                continue
            given = values[key].alias(column.name)
            value = _typed(column, given)
            misfits = column.misfits(value, given, lengths[key] if key in texts else None)
            odd += [marks.fill_null(value=False) for marks, _ in misfits]
            staged.append(column.staged(value))
        rows = pl.DataFrame(staged)
        odd.append(rows.select(self._breaks_rule).to_series())
        return rows, ~reduce(or_, odd)

    def _schema(self, matched: Matched) -> dict[str, PolarsType]:
        """Return the type in which to parse each key."""
        schema = {
            matched.keys[column.name]: column.parsed(as_text=column.name in matched.as_text)
            for column in self.columns
            if column.name in matched.keys
        }
        # With an empty schema polars would infer one.
        return schema or {"": pl.String}


def _texts(lines: Sequence[bytes]) -> pl.Series:
    """Decode lines; null for one that is not UTF-8."""
    try:
        return pl.Series(lines, dtype=pl.Binary).cast(pl.String)
    except PolarsError:
        return pl.Series(map(_text, lines), dtype=pl.String)


def _text(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


def _typed(column: Column, given: pl.Series) -> pl.Series:
    if given.dtype == column.type.parsed:
        return given
    is_text = given.dtype == pl.String
    return column.typed(given) if is_text else given.cast(column.type.parsed, strict=False)


def _continued(block: Block) -> list[bool]:
    """Mark the lines that began in the segment before."""
    return [
        segment.continues_line and not line
        for segment in block
        for line in range(segment.line_count)
    ]


def _by_file(matched: Matched) -> Iterator[tuple[SourceFile, int]]:
    """Yield each segment's file, and how many of its lines look plain."""
    end = 0
    for segment in matched.block:
        start, end = end, end + segment.line_count
        yield segment.file, int(matched.likely[start:end].sum())
