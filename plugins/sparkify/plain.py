"""The quick way through a block: lines in which every value is what its column holds."""

from collections.abc import Iterator, Mapping, Sequence

import orjson
import polars as pl
from polars.exceptions import PolarsError

from sparkify.columns import FIRST_MOMENT, LAST_MOMENT, Column

PolarsType = type[pl.DataType]


class PlainReader:
    """
    Reads JSON lines in which nothing is odd, and says so when something is.

    Values are read as what they should be. That spares what ``RowReader`` needs to tell what is
    wrong with a value: every number as it was written.

    :param columns: the staging table's columns
    :param rules: reason to predicate (SQL over the columns): rows that must not be loaded
    """

    def __init__(self, columns: Sequence[Column], rules: Mapping[str, str]) -> None:
        self.columns = columns
        self._landed = [column.landed() for column in columns]
        faults = [fault for column in columns for fault in _faults(column)]
        faults += [pl.sql_expr(rule) for rule in rules.values()]
        self._faulty = [fault.any().alias(str(number)) for number, fault in enumerate(faults)]
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
        rows = values.select(self._typed(column, keys.get(column.name)) for column in self.columns)
        if rows.height != height or not self._all_fit(values, rows, keys):
            return None
        return rows.select(self._landed)

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

    def _typed(self, column: Column, key: str | None) -> pl.Expr:
        parsed = column.type.parsed
        if key is None:
            return pl.lit(None, parsed).alias(column.name)
        value = pl.col(key)
        if self._written(column) is not parsed:
            value = value.cast(parsed, strict=False)
        return value.alias(column.name)

    def _all_fit(self, values: pl.DataFrame, rows: pl.DataFrame, keys: Mapping[str, str]) -> bool:
        """Whether no value was lost on its way to its type, and no row must be kept out."""
        for column in self.columns:
            if column.name in keys and self._written(column) is not column.type.parsed:
                before = values[keys[column.name]]
                empty = int((before == "").sum()) if before.dtype == pl.String else 0
                if rows[column.name].null_count() != before.null_count() + empty:
                    return False
        return not any(rows.select(self._faulty).row(0))


def _faults(column: Column) -> Iterator[pl.Expr]:
    """What may be wrong in a value although it is of its column's type."""
    value = pl.col(column.name)
    if column.required:
        yield value.is_null() | (value == "") if column.is_text else value.is_null()
    if column.width:
        yield value.str.len_bytes() > column.width
    if column.base_type == "timestamp without time zone":
        yield ~value.is_between(FIRST_MOMENT, LAST_MOMENT)
    if column.base_type == "double precision":
        yield ~value.is_finite()
