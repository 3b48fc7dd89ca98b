"""Convert JSON objects to typed rows, and name what does not fit."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
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


class Fault(NamedTuple):
    """A possible fault of a row; ``written`` names the column of the value as written."""

    misfits: pl.Expr
    column: str | None
    written: str | None
    reason: str


class RowReader:
    """
    Reads JSON objects into the columns of one staging table.

    :param columns: the staging table's columns
    :param rules: reason to predicate (SQL over the columns) of rows that must not be loaded
    """

    def __init__(self, columns: Sequence[Column], rules: Mapping[str, str]) -> None:
        self.columns = columns
        self._faults = [
            Fault(misfits, column.name, column.as_written, reason)
            for column in columns
            for misfits, reason in column.misfits()
        ]
        self._faults += [Fault(pl.sql_expr(rule), None, None, why) for why, rule in rules.items()]
        # PostgreSQL's text cannot hold NUL.
        for name in (column.name for column in columns if column.is_text):
            has_nul = pl.col(name).str.contains("\0", literal=True)
            self._faults.append(Fault(has_nul, name, name, "holds a NUL character"))
        self._staged = [column.staged() for column in columns]

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
        misfits = _misfits(rows, self._faults)
        if misfits:
            rows = rows.filter(~pl.int_range(pl.len()).is_in(list(misfits)))
        return rows.select(self._staged), misfits


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


def _misfits(rows: pl.DataFrame, faults: Sequence[Fault]) -> dict[int, Misfit]:
    """Return the faulty rows, each with the first of its reasons."""
    found: dict[int, Misfit] = {}
    marks = rows.select(fault.misfits.alias(str(number)) for number, fault in enumerate(faults))
    for fault, marked in zip(faults, marks, strict=True):
        for row in marked.arg_true() if marked.any() else ():
            value = rows[fault.written][row] if fault.written else None
            found.setdefault(row, Misfit(fault.column, _reason(fault, value)))
    return found


def _reason(fault: Fault, value: str | None) -> str:
    if not fault.column:
        return fault.reason
    if not value:
        return f"{fault.column} {fault.reason}"
    shown = value if len(value) <= SHOWN else f"{value[:SHOWN]}… ({len(value.encode())} bytes)"
    return f"{fault.column} {fault.reason}: {shown!r}".replace("\\x00", "\\u0000")
