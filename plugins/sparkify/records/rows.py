"""Convert JSON objects to typed rows, and name what does not fit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

import polars as pl

from sparkify.records.columns import MAX_DIGITS, Column
from sparkify.records.objects import WrittenFloat

SHOWN = 80
"""How many characters of a bad value its reason quotes."""


class Misfit(NamedTuple):
    """
    Why a row must not be loaded, and the column, which a rule does not have.

    ``moment`` is the row's time, if the only fault is that its file may not hold it.
    """

    column: str | None
    reason: str
    moment: datetime | None = None


class RowReader:
    """
    Reads JSON objects into the columns of one staging table.

    :param columns: the staging table's columns
    :param rules: reason to predicate (SQL over the columns) of rows that must not be loaded
    """

    def __init__(self, columns: Sequence[Column], rules: Mapping[str, str]) -> None:
        self.columns = columns
        self._rules = [(pl.sql_expr(rule), reason) for reason, rule in rules.items()]

    def read(self, objects: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
        """
        Return one row per object, from its values by column, with numbers as written.

        All values are first kept as text, so that one that does not fit is not lost.
        """
        written = pl.DataFrame(
            {
                column.as_written: [_as_text(column, values.get(column.name)) for values in objects]
                for column in self.columns
            },
            schema={column.as_written: pl.String for column in self.columns},
        )
        return written.with_columns(
            column.typed(written[column.as_written]).alias(column.name)
            for column in self.columns
            if not column.is_text
        )

    def stage(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[int, Misfit]]:
        """Return the rows to load, as sent to COPY, and the misfits by row number."""
        misfits: dict[int, Misfit] = {}
        for misfit, marks in self._misfits(rows):
            for row in marks.arg_true():
                # The first reason counts.
                misfits.setdefault(row, misfit(row))
        if misfits:
            rows = rows.filter(~pl.int_range(pl.len()).is_in(list(misfits)))
        return pl.DataFrame([column.staged(rows[column.name]) for column in self.columns]), misfits

    def _misfits(self, rows: pl.DataFrame) -> Iterator[tuple[Callable[[int], Misfit], pl.Series]]:
        """Mark the rows that must not be loaded, with a function that says why one must not."""
        for column in self.columns:
            written = rows[column.as_written]
            for marks, reason in column.misfits(rows[column.name], written):
                yield partial(_misfit, column, reason, written), marks
        for rule, reason in self._rules:
            yield partial(_broken_rule, reason), rows.select(rule).to_series()
        # PostgreSQL's text cannot hold NUL.
        for column in self.columns:
            if column.is_text:
                value = rows[column.name]
                has_nul = value.str.contains("\0", literal=True)
                yield partial(_misfit, column, "holds a NUL character", value), has_nul


def _as_text(column: Column, value: Any) -> str | None:
    """Convert a JSON value to text; numbers as written, but whole ones for whole columns."""
    match value:
        case WrittenFloat() if column.is_whole:
            return _whole(value)
        case str() | None:
            return value
        case bool():
            return str(value).lower()
        case _:
            return "{…}" if isinstance(value, dict) else "[…]"


def _whole(text: str) -> str:
    """Expand ``1e3`` to ``1000``; leave what is not a whole number, or too large."""
    number = Decimal(text)
    if not number:
        return "0"
    # Check the size first: written out, a number may have hundreds of digits.
    is_whole = number.adjusted() < MAX_DIGITS and number == number.to_integral_value()
    return format(number.to_integral_value(), "f") if is_whole else text


def _broken_rule(reason: str, _: int) -> Misfit:
    return Misfit(None, reason)


def _misfit(column: Column, reason: str, written: pl.Series, row: int) -> Misfit:
    """Say why the value of a row does not fit."""
    if not (value := written[row]):
        return Misfit(column.name, f"{column.name} {reason}")
    shown = value if len(value) <= SHOWN else f"{value[:SHOWN]}… ({len(value.encode())} bytes)"
    quoted = f"{shown!r}".replace("\\x00", "\\u0000")
    return Misfit(column.name, f"{column.name} {reason}: {quoted}")
