"""The fast path: parse whole blocks of lines in which every value has its column's type."""

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
"""The largest whole number up to which floats are exact."""

REWRITTEN = r"[ \t\r]*:[ \t\r]*(?:-0|-?[0-9]+[.eE])"
"""After a key, a number that polars does not render as it was written."""


class StagedColumn(NamedTuple):
    """A column as sent to COPY, and which of its values do not fit, if any."""

    values: pl.Series
    misfits: pl.Series | None


class FastPath:
    """
    Parses lines of one JSON object each, and determines which of them are plain.

    Values are parsed as the type that they should have, which saves keeping every number as
    written, as ``RowReader`` does to explain what is wrong with a value. Columns are handled one by
    one, because planning expressions takes longer than evaluating them for one block.

    :param columns: the staging table's columns
    :param rules: reason to predicate (SQL over the columns) of rows that must not be loaded
    """

    def __init__(self, columns: Sequence[Column], rules: Mapping[str, str]) -> None:
        self.columns = columns
        broken = [pl.sql_expr(rule).fill_null(value=False) for rule in rules.values()]
        self._breaks_rule = pl.any_horizontal(pl.repeat(value=False, n=pl.len()), *broken)
        self._quoted: set[str] = set()

    def read(self, lines: bytes, keys: Mapping[str, str], height: int) -> pl.DataFrame | None:
        """Return one row per line, as sent to COPY; None unless every line is plain."""
        self._learn(lines, keys)
        try:
            values = pl.read_ndjson(lines, schema=self._schema(keys))
        except PolarsError:
            return None
        if values.height != height or self._rewritten(lines, values, keys).any():
            return None
        staged = []
        for column in self._staged(values, keys):
            if column.misfits is not None:
                return None
            staged.append(column.values)
        frame = pl.DataFrame(staged)
        return None if frame.select(self._breaks_rule.any()).item() else frame

    def triage(
        self, lines: bytes, height: int, keys: Mapping[str, str]
    ) -> tuple[pl.DataFrame, pl.Series]:
        """
        Return one row per line, as sent to COPY, and which rows are plain; the others are invalid.

        All values are parsed as text, so that one that is not a number does not become null.
        Raises PolarsError if a line is not JSON.
        """
        schema = dict.fromkeys(self._schema(keys), pl.String)
        # With an empty schema polars would infer one.
        values = pl.read_ndjson(lines, schema=schema or {"": pl.String})
        if values.height != height:
            raise ShapeError(f"{height} lines were read as {values.height} rows")
        staged = list(self._staged(values, keys))
        frame = pl.DataFrame([column.values for column in staged])
        misfits = [column.misfits for column in staged if column.misfits is not None]
        misfits.append(self._rewritten(lines, values, keys))
        return frame, ~reduce(or_, misfits, frame.select(self._breaks_rule).to_series())

    def _rewritten(self, lines: bytes, values: pl.DataFrame, keys: Mapping[str, str]) -> pl.Series:
        """Mark the rows in which a number may have changed, since polars renders floats."""
        suspects = dict(self._suspects(values, keys))
        if not suspects:
            return pl.repeat(value=False, n=values.height, dtype=pl.Boolean, eager=True)
        suspected = reduce(or_, suspects.values())
        texts = as_text(lines).str.split("\n").explode()
        keys_pattern = "|".join(map(re.escape, suspects))
        lines_suspected = texts.head(values.height).filter(suspected)
        rewritten = lines_suspected.str.contains(rf'"(?:{keys_pattern})"{REWRITTEN}')
        return suspected.scatter(suspected.arg_true(), rewritten)

    def _suspects(
        self, values: pl.DataFrame, keys: Mapping[str, str]
    ) -> Iterator[tuple[str, pl.Series]]:
        """Yield the keys and rows of values that were parsed as text and may be numbers."""
        for column in self.columns:
            key = keys.get(column.name)
            # How a float was written does not matter to a column of floats.
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
        """Note which columns the source writes as quoted numbers, going by the first line."""
        try:
            first = orjson.loads(lines[: lines.find(b"\n")])
        except orjson.JSONDecodeError:
            return
        values = first if isinstance(first, dict) else {}
        for column in self.columns:
            if not column.is_text and isinstance(values.get(keys.get(column.name)), str):
                self._quoted.add(column.name)

    def _schema(self, keys: Mapping[str, str]) -> dict[str, PolarsType]:
        """Return the type in which to parse each key."""
        mapped = (column for column in self.columns if column.name in keys)
        return {keys[column.name]: self._parsed_type(column) for column in mapped}

    def _parsed_type(self, column: Column) -> PolarsType:
        if column.name in self._quoted:
            return pl.String
        # polars cannot parse JSON numbers as Int16.
        if column.type.parsed is pl.Int16:
            return pl.Int64
        is_number = column.is_whole or column.type.parsed is pl.Float64
        return column.type.parsed if is_number else pl.String

    def _staged(self, values: pl.DataFrame, keys: Mapping[str, str]) -> Iterator[StagedColumn]:
        """Yield every column, with the values of its key or nulls."""
        texts = [
            keys[column.name] for column in self.columns if column.is_text and column.name in keys
        ]
        lengths = values.select(pl.col(texts).str.len_bytes())
        for column in self.columns:
            key = keys.get(column.name)
            if key is None:
                nulls = pl.Series(column.name, dtype=column.staged_type).clear(values.height)
                yield StagedColumn(nulls, nulls.is_null() if column.required else None)
                continue
            value = values[key].alias(column.name)
            if column.is_text:
                yield _text(column, value, lengths[key])
            else:
                yield self._number(column, value)

    def _number(self, column: Column, value: pl.Series) -> StagedColumn:
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
            value = value.cast(pl.Datetime("ms")).cast(column.staged_type)
        # The sum is finite only if all numbers are.
        elif column.base_type == "double precision" and not math.isfinite(value.sum()):
            misfits.append(~value.is_finite())
        return StagedColumn(value, _any(misfits))


def _text(column: Column, value: pl.Series, lengths: pl.Series) -> StagedColumn:
    shortest, longest = _bounds(lengths)
    misfits = []
    if column.width and longest > column.width:
        misfits.append(lengths > column.width)
    if column.required and (value.null_count() or not shortest):
        misfits += [value.is_null(), lengths == 0]
    if not shortest:
        value = value.to_frame().select(column.staged()).to_series()
    return StagedColumn(value, _any(misfits))


def _any(marks: Sequence[pl.Series]) -> pl.Series | None:
    """Combine the marks of several series; None if there are none."""
    return reduce(or_, (mark.fill_null(value=False) for mark in marks)) if marks else None


def _bounds(values: pl.Series) -> tuple[int, int]:
    """Return the minimum and maximum of whole numbers; 0 if there are none."""
    return cast("int", values.min() or 0), cast("int", values.max() or 0)
