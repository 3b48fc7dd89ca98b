"""JSON lines as typed rows: what fits a table goes on, what does not is named."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl
from polars.exceptions import ShapeError

from sparkify.columns import Column

SHOWN = 80
"""Characters of a bad value that its reason repeats."""


class Misfit(NamedTuple):
    """Why a row must not be loaded, and in which column; a rule has none."""

    column: str | None
    reason: str


class Fault(NamedTuple):
    """What may be wrong in a row; ``written`` is where the value stands as it was written."""

    misfits: pl.Expr
    column: str | None
    written: str | None
    reason: str


class RowReader:
    """
    Reads JSON lines into the columns of one staging table.

    :param columns: the staging table's columns
    :param rules: reason to predicate (SQL over the columns): rows that must not be loaded
    """

    def __init__(self, columns: Sequence[Column], rules: Mapping[str, str]) -> None:
        self.columns = columns
        self._faults = [
            Fault(misfits, column.name, column.as_written, reason)
            for column in columns
            for misfits, reason in column.misfits()
        ]
        self._faults += [Fault(pl.sql_expr(rule), None, None, why) for why, rule in rules.items()]
        self._nuls = [
            Fault(
                pl.col(name).str.contains("\0", literal=True), name, name, "holds a NUL character"
            )
            for name in (column.name for column in columns if column.is_text)
        ]
        self._landed = [column.landed() for column in columns]

    def read(self, lines: bytes, keys: Mapping[str, str], height: int) -> pl.DataFrame:
        """
        One row a line, by the key that fills each column.

        All values are read as text first: so one that does not fit is known, not lost. Raises
        PolarsError where that fails, or where the rows are not as many as they should be.
        """
        # Without any column polars would infer some.
        schema = dict.fromkeys(keys.values(), pl.String) or {"": pl.String}
        texts = pl.read_ndjson(lines, schema=schema)
        if texts.height != height:
            raise ShapeError(f"{height} lines were read as {texts.height} rows")
        return texts.with_columns(
            expression
            for column in self.columns
            for expression in column.read(keys.get(column.name))
        )

    def land(self, rows: pl.DataFrame, *, nuls: bool) -> tuple[pl.DataFrame, dict[int, Misfit]]:
        """
        The rows that may be loaded, as COPY takes them, and those that must not, with the reason.

        :param nuls: whether a text may hold a NUL, which PostgreSQL's text cannot
        """
        misfits = _misfits(rows, [*self._faults, *(self._nuls if nuls else ())])
        if misfits:
            rows = rows.filter(~pl.int_range(pl.len()).is_in(list(misfits)))
        return rows.select(self._landed), misfits


def _misfits(rows: pl.DataFrame, faults: Sequence[Fault]) -> dict[int, Misfit]:
    """The rows with a fault, each with the first of its reasons."""
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
