"""Separate the plain lines of a block from the others without examining each one."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import reduce
from itertools import accumulate
from operator import and_
from typing import NamedTuple

import orjson
import polars as pl
from polars.exceptions import PolarsError

from sparkify.records.blocks import Block

NO_TEXT = "\ufffd"
"""The replacement for bytes that are not UTF-8."""


class Triaged(NamedTuple):
    """Rows of a block's lines; and by segment, the row of each plain line by line number."""

    rows: pl.DataFrame
    plain: list[dict[int, int]]


Read = Callable[[bytes, int], tuple[pl.DataFrame, pl.Series]]
"""Parses objects, one per line, into a row each, and marks which rows are plain."""


def as_text(lines: bytes) -> pl.Series:
    """Decode lines as one text, replacing invalid bytes."""
    try:
        return pl.Series([lines]).cast(pl.String)
    except PolarsError:
        return pl.Series([lines.decode(errors="replace")])


def triage(block: Block, text: pl.Series, odd: Iterable[str], read: Read) -> Triaged:
    """
    Find the plain lines of a block.

    :param text: the block's lines, each ending in a newline
    :param odd: patterns that no plain line contains
    """
    none = Triaged(pl.DataFrame(), [{} for _ in block])
    cut = _cut_lines(block)
    if len(cut) == sum(segment.line_count for segment in block):
        return none
    texts = text.str.split("\n").explode()
    likely = texts.str.starts_with("{")
    likely[cut] = False
    likely &= texts.str.ends_with("}") | texts.str.ends_with("}\r")
    likely = reduce(and_, (~texts.str.contains(one) for one in (NO_TEXT, *odd)), likely)
    # What looks like an object nearly always is one, so parse each by itself only on failure.
    for is_certain in (False, True):
        if is_certain:
            likely &= pl.Series(map(_is_object, texts))
        if not likely.any():
            break
        objects = texts.filter(likely).str.join("\n").cast(pl.Binary)[0]
        with suppress(PolarsError):
            rows, is_plain = read(objects, int(likely.sum()))
            which = is_plain.arg_true()
            return Triaged(rows, _by_segment(block, likely.arg_true()[which], which))
    return none


def _cut_lines(block: Block) -> list[int]:
    """Return the positions of the lines that are cut at the ends of segments."""
    cut = set()
    for segment, end in zip(block, _ends(block), strict=True):
        if segment.line_count and segment.continues_line:
            cut.add(end - segment.line_count)
        if segment.line_count and segment.cuts_last_line:
            cut.add(end - 1)
    return sorted(cut)


def _ends(block: Block) -> list[int]:
    """Return the number of lines up to the end of each segment."""
    return list(accumulate(segment.line_count for segment in block))


def _by_segment(block: Block, places: pl.Series, rows: pl.Series) -> list[dict[int, int]]:
    ends = _ends(block)
    found: list[dict[int, int]] = [{} for _ in block]
    for place, row in zip(places.to_list(), rows.to_list(), strict=True):
        index = bisect_right(ends, place)
        segment = block[index]
        found[index][segment.first_line + place - ends[index] + segment.line_count] = row
    return found


def _is_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False
