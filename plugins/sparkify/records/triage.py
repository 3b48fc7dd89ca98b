"""The plain lines of a block, told from the others without looking at each by itself."""

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
"""What stands for bytes that are no text."""


class Sifted(NamedTuple):
    """Rows of a block's lines; by segment, and number of a line that is plain, which is its row."""

    rows: pl.DataFrame
    plain: list[dict[int, int]]


Read = Callable[[bytes, int], tuple[pl.DataFrame, pl.Series]]
"""Reads objects, one a line: a row each, and which of the rows are plain."""


def as_text(lines: bytes) -> pl.Series:
    """Lines as one text, in which something stands for each byte that is none."""
    try:
        return pl.Series([lines]).cast(pl.String)
    except PolarsError:
        return pl.Series([lines.decode(errors="replace")])


def sift(block: Block, text: pl.Series, odd: Iterable[str], read: Read) -> Sifted:
    """
    The plain lines of a block.

    :param text: the block's lines, all of which end with a line end
    :param odd: regular expressions of what no plain line holds
    """
    none = Sifted(pl.DataFrame(), [{} for _ in block])
    cut = _cut_lines(block)
    if len(cut) == sum(segment.line_count for segment in block):
        return none
    texts = text.str.split("\n").explode()
    likely = texts.str.starts_with("{")
    likely[cut] = False
    likely &= texts.str.ends_with("}") | texts.str.ends_with("}\r")
    likely = reduce(and_, (~texts.str.contains(one) for one in (NO_TEXT, *odd)), likely)
    # What looks like an object nearly always is one; reading each by itself takes longer.
    for is_certain in (False, True):
        if is_certain:
            likely &= pl.Series(map(_is_object, texts))
        if not likely.any():
            break
        objects = texts.filter(likely).str.join("\n").cast(pl.Binary)[0]
        with suppress(PolarsError):
            rows, is_plain = read(objects, int(likely.sum()))
            which = is_plain.arg_true()
            return Sifted(rows, _by_segment(block, likely.arg_true()[which], which))
    return none


def _cut_lines(block: Block) -> list[int]:
    """Which of the block's lines are not whole in it."""
    cut = set()
    for segment, end in zip(block, _ends(block), strict=True):
        if segment.line_count and segment.goes_on:
            cut.add(end - segment.line_count)
        if segment.line_count and segment.cuts_its_last_line:
            cut.add(end - 1)
    return sorted(cut)


def _ends(block: Block) -> list[int]:
    """How many lines of the block there are up to each segment's end."""
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
