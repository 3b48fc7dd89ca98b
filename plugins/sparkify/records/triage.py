"""Parse the plain lines of a block together, and leave the others to be read one by one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from functools import reduce
from itertools import compress
from operator import and_
from typing import NamedTuple

import orjson
import polars as pl
from polars.exceptions import PolarsError

from sparkify.records.blocks import Block
from sparkify.records.columns import Column
from sparkify.records.fast_path import FastPath, as_text
from sparkify.records.keys import KeyMap
from sparkify.records.spans import FileSpans

# What makes a line need a closer look: an escaped surrogate, an escaped NUL, an escaped letter,
# which hides the spelling of a key, and an object or a list.
ODD = r"\\u(?:[dD][89a-fA-F]|00(?:00|[4-7]))|:[ \t\r]*[\[{]"

NO_TEXT = "\ufffd"
"""The replacement for bytes that are not UTF-8."""


class Run(NamedTuple):
    """
    Consecutive lines of a segment which all are plain, or none of which is.

    :param first: the first line, from 0
    :param row: its row, if it is plain
    """

    first: int
    height: int
    is_plain: bool
    row: int

    def without_first(self) -> "Run":
        """Return the run without its first line."""
        return self._replace(first=self.first + 1, height=self.height - 1, row=self.row + 1)


class Parsed(NamedTuple):
    """The rows of a block's plain lines, as sent to COPY, and which lines these are."""

    rows: pl.DataFrame
    plain: pl.Series

    def runs(self, block: Block) -> Iterator[list[Run]]:
        """Yield the runs of each segment."""
        ends = self.plain.rle().struct.unnest().iter_rows()
        left, is_plain, row = 0, False, 0
        for segment in block:
            runs, first = [], 0
            while first < segment.line_count:
                if not left:
                    left, is_plain = next(ends)
                height = min(left, segment.line_count - first)
                runs.append(Run(first, height, is_plain, row))
                first += height
                left -= height
                row += height if is_plain else 0
            yield runs


class Triage:
    """
    Finds the plain lines of blocks: each is one object with the known keys, whose values fit.

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
        self._fast_path = FastPath(columns, rules)
        self._keys = keys
        self._spans = spans
        self._last_was_damaged = False

    def parse(self, block: Block, executor: Executor) -> Parsed:
        """Parse the plain lines of a block, while the executor searches for what is odd in it."""
        self._learn(block)
        lines = b"".join(segment.whole_lines for segment in block)
        # Searching and parsing take about the same time, and do not depend on each other.
        search = executor.submit(_matching, lines, (self._keys.others(), ODD))
        parsed = self._parse_all(block, lines)
        odd = search.result()
        if odd or parsed is None:
            parsed = self._parse_likely(block, odd)
            self._last_was_damaged = not parsed.plain.all()
        return parsed

    def _learn(self, block: Block) -> None:
        """Learn the spelling of keys from a first line that is an object."""
        if not self._keys.by_column:
            with suppress(orjson.JSONDecodeError):
                first = orjson.loads(block[0].lines.partition(b"\n")[0])
                self._keys.fits(first if isinstance(first, dict) else {})

    def _parse_all(self, block: Block, lines: bytes) -> Parsed | None:
        """Parse all lines of a block; return None if one is no object, or probably is none."""
        # A block after one with damaged lines nearly always has some, too.
        if self._last_was_damaged or any(segment.is_cut for segment in block):
            return None
        height = sum(segment.line_count for segment in block)
        every = pl.repeat(value=True, n=height, eager=True)
        with suppress(PolarsError):
            read = self._fast_path.read(lines, height, self._keys.by_column, strict=True)
            return self._parsed(block, every, *read)
        return None

    def _parse_likely(self, block: Block, odd: Sequence[str]) -> Parsed:
        """Parse the lines of a block that look like objects, and contain nothing odd."""
        lines = [line for segment in block for line in segment.split()]
        texts = as_text(lines)
        likely = _likely(block, texts, odd)
        # What looks like an object nearly always is one, so parse each by itself only on failure.
        for is_certain in (False, True):
            if is_certain:
                likely &= pl.Series(map(_is_object, lines), dtype=pl.Boolean)
            with suppress(PolarsError):
                read = self._fast_path.read(
                    b"".join(compress(lines, likely.to_list())),
                    int(likely.sum()),
                    self._keys.by_column,
                    texts.filter(likely),
                    strict=False,
                )
                return self._parsed(block, likely, *read)
        return Parsed(pl.DataFrame(), likely & False)

    def _parsed(
        self, block: Block, which: pl.Series, rows: pl.DataFrame, plain: pl.Series
    ) -> Parsed:
        """
        Return the rows that are plain and within the time of their files.

        :param which: marks the lines of the rows
        """
        if self._spans:
            files, end = [], 0
            for segment in block:
                start, end = end, end + segment.line_count
                files.append((segment.file, int(which[start:end].sum())))
            outside = self._spans.outside(rows[self._spans.column], files)
            plain = plain if outside is None else plain & ~outside
        if plain.all():
            return Parsed(rows, which)
        return Parsed(rows.filter(plain), which.scatter(which.arg_true(), plain))


def _likely(block: Block, texts: pl.Series, odd: Iterable[str]) -> pl.Series:
    """Mark the lines of a block that look like objects, and contain nothing odd."""
    patterns = (NO_TEXT, *odd)
    likely = texts.str.starts_with("{") & (
        texts.str.ends_with("}\n") | texts.str.ends_with("}\r\n")
    )
    likely = reduce(and_, (~texts.str.contains(pattern) for pattern in patterns), likely)
    end = 0
    for segment in block:
        start, end = end, end + segment.line_count
        if segment.line_count and segment.continues_line:
            likely[start] = False
        if segment.line_count and segment.cuts_last_line:
            likely[end - 1] = False
    return likely


def _matching(lines: bytes, patterns: Iterable[str]) -> list[str]:
    """Return those of the patterns that occur in the lines."""
    text = as_text([lines])
    return [pattern for pattern in patterns if text.str.contains(pattern)[0]]


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
