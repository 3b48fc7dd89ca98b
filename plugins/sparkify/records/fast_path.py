"""The quick way through lines: those in which every value is what its column holds."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import NamedTuple, cast

import orjson
import polars as pl
from polars.exceptions import PolarsError, ShapeError

from sparkify.records.columns import FIRST_MOMENT, LAST_MOMENT, Column
from sparkify.records.triage import as_text

PolarsType = type[pl.DataType]

EXACT = (1 << 53) - 1
"""The greatest whole number of which a float surely is no neighbour's."""

NOT_AS_TEXT = r"[ \t\r]*:[ \t\r]*(?:-0|-?[0-9]+[.eE])"
"""Behind a key, a number that polars does not write as it was written."""


class Landed(NamedTuple):
    """A column as COPY takes it, and which of its values it cannot hold, if there are any."""

    values: pl.Series
    misfits: pl.Series | None


class PlainReader:
    """
    Reads JSON lines, each of which is one object, and tells which of them are plain.

    Values are read as what they should be. That spares what ``RowReader`` needs to tell what is
    wrong with a value: every number as it was written. And columns are looked at one by one, as
    planning an expression for each takes longer than evaluating it for the rows of a block.

    :param columns: the staging table's columns
    :param rules: reason to predicate (SQL over the columns): rows that must not be loaded
    """

    def __init__(self, columns: Sequence[Column], rules: Mapping[str, str]) -> None:
        self.columns = columns
        broken = [pl.sql_expr(rule).fill_null(value=False) for rule in rules.values()]
        self._breaks_rule = pl.any_horizontal(pl.repeat(value=False, n=pl.len()), *broken)
        self._quoted: set[str] = set()

    def read(self, lines: bytes, keys: Mapping[str, str], height: int) -> pl.DataFrame | None:
        """One row a line, as COPY takes it; None where that is not true of every line."""
        self._learn(lines, keys)
        try:
            values = pl.read_ndjson(lines, schema=self._schema(keys))
        except PolarsError:
            return None
        if values.height != height or self._rewritten(lines, values, keys).any():
            return None
        landed = []
        for column in self._landed(values, keys):
            if column.misfits is not None:
                return None
            landed.append(column.values)
        frame = pl.DataFrame(landed)
        return None if frame.select(self._breaks_rule.any()).item() else frame

    def sift(
        self, lines: bytes, height: int, keys: Mapping[str, str]
    ) -> tuple[pl.DataFrame, pl.Series]:
        """
        A row a line, as COPY takes it, and which rows are plain: the others must not be used.

        Every value is read as text here, so that one that is no number is not lost for null.
        Raises PolarsError where a line is no JSON, or no line at all.
        """
        schema = dict.fromkeys(self._schema(keys), pl.String)
        # Without any column polars would infer some.
        values = pl.read_ndjson(lines, schema=schema or {"": pl.String})
        if values.height != height:
            raise ShapeError(f"{height} lines were read as {values.height} rows")
        landed = list(self._landed(values, keys))
        frame = pl.DataFrame([column.values for column in landed])
        misfits = [column.misfits for column in landed if column.misfits is not None]
        misfits.append(self._rewritten(lines, values, keys))
        return frame, ~reduce(or_, misfits, frame.select(self._breaks_rule).to_series())

    def _rewritten(self, lines: bytes, values: pl.DataFrame, keys: Mapping[str, str]) -> pl.Series:
        """The rows in which a number may have been changed: polars makes text of a float."""
        suspects = dict(self._suspects(values, keys))
        if not suspects:
            return pl.repeat(value=False, n=values.height, dtype=pl.Boolean, eager=True)
        suspected = reduce(or_, suspects.values())
        texts = as_text(lines).str.split("\n").explode()
        anyone = "|".join(map(re.escape, suspects))
        number = (
            texts.head(values.height)
            .filter(suspected)
            .str.contains(rf'"(?:{anyone})"{NOT_AS_TEXT}')
        )
        return suspected.scatter(suspected.arg_true(), number)

    def _suspects(
        self, values: pl.DataFrame, keys: Mapping[str, str]
    ) -> Iterator[tuple[str, pl.Series]]:
        """The keys, and rows, of values that were read as text and may have been numbers."""
        for column in self.columns:
            key = keys.get(column.name)
            # A float is what this column holds.
            if key is None or values[key].dtype != pl.String or column.type.parsed is pl.Float64:
                continue
            if column.is_whole:
                number = values[key].cast(pl.Int64, strict=False)
                least, most = _bounds(number)
                is_exact = -EXACT <= least <= most <= EXACT
                marks = None if is_exact else (number > EXACT) | (number < -EXACT)
            else:
                number = values[key].cast(pl.Float64, strict=False)
                marks = number.is_not_null() if number.count() else None
            if marks is not None:
                yield key, marks.fill_null(value=False)

    def _learn(self, lines: bytes, keys: Mapping[str, str]) -> None:
        """Which numbers the source writes as text: where it does, it does so in a first line."""
        try:
            first = orjson.loads(lines[: lines.find(b"\n")])
        except orjson.JSONDecodeError:
            return
        values = first if isinstance(first, dict) else {}
        for column in self.columns:
            if not column.is_text and isinstance(values.get(keys.get(column.name)), str):
                self._quoted.add(column.name)

    def _schema(self, keys: Mapping[str, str]) -> dict[str, PolarsType]:
        """The types as which the values of keys are read."""
        return {
            keys[column.name]: self._written(column)
            for column in self.columns
            if column.name in keys
        }

    def _written(self, column: Column) -> PolarsType:
        if column.name in self._quoted:
            return pl.String
        # polars reads JSON numbers of no fewer bytes than these.
        if column.type.parsed is pl.Int16:
            return pl.Int64
        is_read = column.is_whole or column.type.parsed is pl.Float64
        return column.type.parsed if is_read else pl.String

    def _landed(self, values: pl.DataFrame, keys: Mapping[str, str]) -> Iterator[Landed]:
        """Every column, of the texts under the keys or of nulls."""
        texts = [
            keys[column.name] for column in self.columns if column.is_text and column.name in keys
        ]
        lengths = values.select(pl.col(texts).str.len_bytes())
        for column in self.columns:
            key = keys.get(column.name)
            if key is None:
                nulls = pl.Series(column.name, dtype=column.landed_type).clear(values.height)
                yield Landed(nulls, nulls.is_null() if column.required else None)
                continue
            value = values[key].alias(column.name)
            if column.is_text:
                yield _text(column, value, lengths[key])
            else:
                yield self._number(column, value)

    def _number(self, column: Column, value: pl.Series) -> Landed:
        misfits = []
        if value.dtype != column.type.parsed:
            given = value
            is_text = given.dtype == pl.String
            value = column.typed(given) if is_text else given.cast(column.type.parsed, strict=False)
            empty = int((given == "").sum()) if given.dtype == pl.String else 0
            if value.null_count() != given.null_count() + empty:
                filled = given != "" if empty else given.is_not_null()
                misfits.append(value.is_null() & filled)
        if column.required and value.null_count():
            misfits.append(value.is_null())
        if column.base_type == "timestamp without time zone":
            earliest, latest = _bounds(value)
            if not FIRST_MOMENT <= earliest <= latest <= LAST_MOMENT:
                misfits.append(~value.is_between(FIRST_MOMENT, LAST_MOMENT))
                value = value.clip(FIRST_MOMENT, LAST_MOMENT)
            value = value.cast(pl.Datetime("ms")).cast(column.landed_type)
        # A number that is not finite makes the sum so, too.
        elif column.base_type == "double precision" and not math.isfinite(value.sum()):
            misfits.append(~value.is_finite())
        return Landed(value, _any(misfits))


def _text(column: Column, value: pl.Series, lengths: pl.Series) -> Landed:
    shortest, longest = _bounds(lengths)
    misfits = []
    if column.width and longest > column.width:
        misfits.append(lengths > column.width)
    if column.required and (value.null_count() or not shortest):
        misfits += [value.is_null(), lengths == 0]
    if not shortest:
        value = value.to_frame().select(column.landed()).to_series()
    return Landed(value, _any(misfits))


def _any(marks: Sequence[pl.Series]) -> pl.Series | None:
    """The rows that one of several series marks; None where there is no series."""
    return reduce(or_, (mark.fill_null(value=False) for mark in marks)) if marks else None


def _bounds(values: pl.Series) -> tuple[int, int]:
    """The least and the greatest of whole numbers; 0 where there is none."""
    return cast("int", values.min() or 0), cast("int", values.max() or 0)
