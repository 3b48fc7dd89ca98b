"""The fast path: parse whole blocks of lines in which every value has its column's type."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import NamedTuple

import orjson
import polars as pl
from polars.exceptions import PolarsError, ShapeError

from sparkify.records.columns import Column, bounds
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
                least, most = bounds(number)
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
        texts = [key for key in keys.values() if values[key].dtype == pl.String]
        lengths = values.select(pl.col(texts).str.len_bytes())
        for column in self.columns:
            key = keys.get(column.name)
            if key is None:
                nulls = pl.Series(column.name, dtype=column.staged_type).clear(values.height)
                yield StagedColumn(nulls, nulls.is_null() if column.required else None)
                continue
            given = values[key].alias(column.name)
            value = _typed(column, given)
            sizes = lengths[key] if key in texts else None
            marks = [marks for marks, _ in column.misfits(value, given, sizes)]
            misfits = (
                reduce(or_, (mark.fill_null(value=False) for mark in marks)) if marks else None
            )
            yield StagedColumn(column.staged(value), misfits)


def _typed(column: Column, given: pl.Series) -> pl.Series:
    if given.dtype == column.type.parsed:
        return given
    is_text = given.dtype == pl.String
    return column.typed(given) if is_text else given.cast(column.type.parsed, strict=False)
