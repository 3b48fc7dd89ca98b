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

PolarsType = type[pl.DataType]

EXACT = (1 << 53) - 1
"""The largest whole number up to which floats are exact."""

REWRITTEN = r"-0|-?[0-9]+[.eE]"
"""The beginning of a number that polars does not render as it was written."""

NOT_NULL = r"[^n \t\r]"
"""The beginning of any value but null."""


class StagedColumn(NamedTuple):
    """A column as sent to COPY, and which of its values do not fit, if any."""

    values: pl.Series
    misfits: pl.Series | None


class Doubt(NamedTuple):
    """Rows in which a key's value may not be what polars made of it, and how it then begins."""

    key: str
    rows: pl.Series
    beginning: str

    def confirmed(self, lines: pl.Series) -> pl.Series:
        """Mark the rows whose line has the key with such a value."""
        pattern = rf'"{re.escape(self.key)}"[ \t\r]*:[ \t\r]*(?:{self.beginning})'
        return self.rows.scatter(
            self.rows.arg_true(), lines.filter(self.rows).str.contains(pattern)
        )


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
        self._as_text: set[str] = set()

    def read(
        self,
        lines: bytes,
        height: int,
        keys: Mapping[str, str],
        texts: pl.Series | None = None,
        *,
        strict: bool,
    ) -> tuple[pl.DataFrame, pl.Series]:
        """
        Return one row per line, as sent to COPY, and which rows are plain; the others are in doubt.

        Raises PolarsError if a line is no JSON object.

        :param keys: the key that fills each column
        :param texts: the lines one by one, if they are at hand
        :param strict: whether to raise PolarsError for a value of another type, too, which is
            faster than looking for it
        """
        self._learn(lines, keys)
        # With an empty schema polars would infer one.
        schema = self._schema(keys) or {"": pl.String}
        values = pl.read_ndjson(lines, schema=schema, ignore_errors=not strict)
        if values.height != height:
            raise ShapeError(f"{height} lines were read as {values.height} rows")
        staged = list(self._staged(values, keys))
        rows = pl.DataFrame([column.values for column in staged])
        odd = [column.misfits for column in staged if column.misfits is not None]
        odd.append(rows.select(self._breaks_rule).to_series())
        doubts = [*self._rewritten(values, keys), *self._nulls(values, keys, strict=strict)]
        if doubts:
            texts = as_text(lines.split(b"\n")[:height]) if texts is None else texts
            odd += (doubt.confirmed(texts) for doubt in doubts)
        return rows, ~reduce(or_, odd)

    def _nulls(
        self, values: pl.DataFrame, keys: Mapping[str, str], *, strict: bool
    ) -> Iterator[Doubt]:
        """Yield the nulls that may have been values of another type."""
        for key in () if strict else keys.values():
            if values[key].dtype != pl.String and values[key].null_count():
                yield Doubt(key, values[key].is_null(), NOT_NULL)

    def _rewritten(self, values: pl.DataFrame, keys: Mapping[str, str]) -> Iterator[Doubt]:
        """Yield the texts that may have been numbers, since polars renders floats."""
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
                yield Doubt(key, marks.fill_null(value=False), REWRITTEN)

    def _learn(self, lines: bytes, keys: Mapping[str, str]) -> None:
        """Note which numbers the source writes as text or with a fraction, by the first line."""
        try:
            first = orjson.loads(lines[: lines.find(b"\n")])
        except orjson.JSONDecodeError:
            return
        values = first if isinstance(first, dict) else {}
        for column in self.columns:
            value = values.get(keys.get(column.name))
            if isinstance(value, str) or (column.is_whole and isinstance(value, float)):
                self._as_text.add(column.name)

    def _schema(self, keys: Mapping[str, str]) -> dict[str, PolarsType]:
        """Return the type in which to parse each key."""
        mapped = (column for column in self.columns if column.name in keys)
        return {keys[column.name]: self._parsed_type(column) for column in mapped}

    def _parsed_type(self, column: Column) -> PolarsType:
        if column.name in self._as_text:
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


def as_text(lines: Sequence[bytes]) -> pl.Series:
    """Decode lines, replacing bytes that are not UTF-8."""
    try:
        return pl.Series(lines, dtype=pl.Binary).cast(pl.String)
    except PolarsError:
        return pl.Series([line.decode(errors="replace") for line in lines], dtype=pl.String)
