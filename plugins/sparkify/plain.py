"""The quick way through a block: lines in which every value is what its column holds."""

import math
from collections.abc import Mapping, Sequence
from typing import cast

import orjson
import polars as pl
from polars.exceptions import PolarsError

from sparkify.columns import FIRST_MOMENT, LAST_MOMENT, Column

PolarsType = type[pl.DataType]


class PlainReader:
    """
    Reads JSON lines in which nothing is odd, and says so when something is.

    Values are read as what they should be. That spares what ``RowReader`` needs to tell what is
    wrong with a value: every number as it was written. And columns are looked at one by one, as
    planning an expression for each takes longer than evaluating it for the rows of a block.

    :param columns: the staging table's columns
    :param rules: reason to predicate (SQL over the columns): rows that must not be loaded
    """

    def __init__(self, columns: Sequence[Column], rules: Mapping[str, str]) -> None:
        self.columns = columns
        broken = [pl.sql_expr(rule) for rule in rules.values()]
        self._broken = pl.any_horizontal(pl.lit(value=False), *broken).any()
        self._quoted: set[str] = set()

    def read(self, lines: bytes, keys: Mapping[str, str], height: int) -> pl.DataFrame | None:
        """One row a line, as COPY takes it; None where that is not true of every line."""
        self._learn(lines, keys)
        filled = [column for column in self.columns if column.name in keys]
        schema = {keys[column.name]: self._written(column) for column in filled}
        try:
            values = pl.read_ndjson(lines, schema=schema)
        except PolarsError:
            return None
        if values.height != height:
            return None
        texts = [keys[column.name] for column in filled if column.is_text]
        lengths = values.select(pl.col(texts).str.len_bytes())
        rows = []
        for column in self.columns:
            landed = self._landed(column, keys.get(column.name), values, lengths)
            if landed is None:
                return None
            rows.append(landed)
        frame = pl.DataFrame(rows)
        return None if frame.select(self._broken).item() else frame

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

    def _written(self, column: Column) -> PolarsType:
        """The type as which a column's values are read."""
        if column.name in self._quoted:
            return pl.String
        # polars reads JSON numbers of no fewer bytes than these.
        return pl.Int64 if column.type.parsed is pl.Int16 else column.type.parsed

    def _landed(
        self, column: Column, key: str | None, values: pl.DataFrame, lengths: pl.DataFrame
    ) -> pl.Series | None:
        """A column as COPY takes it; None where a value is not what it holds."""
        if key is None:
            nulls = pl.Series(column.name, dtype=column.landed_type).clear(values.height)
            return None if column.required else nulls
        value = values[key].alias(column.name)
        if column.is_text:
            return _text(column, value, lengths[key])
        if self._written(column) is not column.type.parsed:
            empty = int((value == "").sum()) if value.dtype == pl.String else 0
            known = value.null_count() + empty
            value = value.cast(column.type.parsed, strict=False)
            if value.null_count() != known:
                return None
        if column.required and value.null_count():
            return None
        return _number(column, value)


def _text(column: Column, value: pl.Series, lengths: pl.Series) -> pl.Series | None:
    shortest, longest = _bounds(lengths)
    if column.width and longest > column.width:
        return None
    if column.required and (value.null_count() or not shortest):
        return None
    return value if shortest else value.to_frame().select(column.landed()).to_series()


def _number(column: Column, value: pl.Series) -> pl.Series | None:
    if column.base_type == "timestamp without time zone":
        earliest, latest = _bounds(value)
        if not FIRST_MOMENT <= earliest <= latest <= LAST_MOMENT:
            return None
        return value.cast(pl.Datetime("ms")).cast(column.landed_type)
    # A number that is not finite makes the sum so, too.
    if column.base_type == "double precision" and not math.isfinite(value.sum()):
        return None
    return value


def _bounds(values: pl.Series) -> tuple[int, int]:
    """The least and the greatest of whole numbers; 0 where there is none."""
    return cast("int", values.min() or 0), cast("int", values.max() or 0)
