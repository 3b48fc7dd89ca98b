"""The columns of a staging table, and what a JSON value must be to fit one."""

import re
from dataclasses import dataclass
from typing import Any

import polars as pl
from airflow.providers.common.sql.hooks.sql import DbApiHook

FIRST_MOMENT, LAST_MOMENT = -62_135_596_800_000, 253_402_300_799_999
"""The years 1 to 9999 in epoch milliseconds: what every client of a warehouse can show."""


@dataclass(frozen=True)
class ColumnType:
    """How a type of the warehouse is read: as which polars type, and how a misfit is called."""

    parsed: type[pl.DataType]
    meaning: str


TYPES = {
    "character varying": ColumnType(pl.String, "text"),
    "text": ColumnType(pl.String, "text"),
    "smallint": ColumnType(pl.Int16, "a whole number of two bytes"),
    "integer": ColumnType(pl.Int32, "a whole number of four bytes"),
    "bigint": ColumnType(pl.Int64, "a whole number of eight bytes"),
    "double precision": ColumnType(pl.Float64, "a number"),
    "timestamp without time zone": ColumnType(pl.Int64, "a time in epoch milliseconds"),
}


@dataclass(frozen=True)
class Column:
    """One column of a staging table; ``width`` is in bytes."""

    name: str
    sql_type: str
    required: bool = False

    @property
    def base_type(self) -> str:
        """The type without its width."""
        return self.sql_type.split("(")[0]

    @property
    def type(self) -> ColumnType:
        """How the column is read."""
        return TYPES[self.base_type]

    @property
    def width(self) -> int | None:
        """The bytes that fit, as Redshift counts them."""
        found = re.search(r"\((\d+)\)", self.sql_type)
        return int(found[1]) if found else None

    @property
    def is_text(self) -> bool:
        """Whether any JSON value fits, as text."""
        return self.type.parsed is pl.String

    def typed(self, value: pl.Expr, *, strict: bool) -> pl.Expr:
        """A text value as the column's type, an empty one as null; strict raises on a misfit."""
        return value.replace("", None).cast(self.type.parsed, strict=strict)

    def misfits(self) -> list[tuple[pl.Expr, str]]:
        """What a parsed value may still be wrong in, with the reason."""
        value = pl.col(self.name)
        found = []
        if self.required:
            missing = value.is_null() | (value == "") if self.is_text else value.is_null()
            found.append((missing, "is missing"))
        if self.width:
            found.append((value.str.len_bytes() > self.width, f"does not fit in {self.sql_type}"))
        if self.base_type == "timestamp without time zone":
            found.append(
                (~value.is_between(FIRST_MOMENT, LAST_MOMENT), f"is not {self.type.meaning}")
            )
        if self.base_type == "double precision":
            found.append((~value.is_finite(), f"is not {self.type.meaning}"))
        return found

    def landed(self) -> pl.Expr:
        """The column as COPY takes it."""
        value = pl.col(self.name)
        if self.base_type == "timestamp without time zone":
            return pl.from_epoch(value, time_unit="ms")
        return value


def columns_of(hook: DbApiHook, table: str) -> list[Column]:
    """A table's columns as the warehouse describes them: ``sql/schema`` is their one home."""
    rows: Any = hook.get_records(
        "select attname, format_type(atttypid, atttypmod), attnotnull from pg_attribute "
        "where attrelid = cast(%s as regclass) and attnum > 0 and not attisdropped order by attnum",
        parameters=(table,),
    )
    return [Column(*row) for row in rows]
