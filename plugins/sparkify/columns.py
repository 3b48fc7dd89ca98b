"""The columns of a staging table, and what a JSON value must be to fit one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

FIRST_MOMENT, LAST_MOMENT = -62_135_596_800_000, 253_402_300_799_999
"""The years 1 to 9999 in epoch milliseconds: what every client of a warehouse can show."""


@dataclass(frozen=True)
class ColumnType:
    """How a type of the warehouse is read: as which polars type, and how what fits is called."""

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

    @cached_property
    def base_type(self) -> str:
        """The type without its width."""
        return self.sql_type.split("(")[0]

    @cached_property
    def type(self) -> ColumnType:
        """How the column is read."""
        return TYPES[self.base_type]

    @cached_property
    def width(self) -> int | None:
        """The bytes that fit, as Redshift counts them."""
        found = re.search(r"\((\d+)\)", self.sql_type)
        return int(found[1]) if found else None

    @cached_property
    def is_text(self) -> bool:
        """Whether any JSON value but an object or a list fits, as text."""
        return self.type.parsed is pl.String

    @property
    def as_written(self) -> str:
        """The name under which the value is kept as text beside the typed one."""
        return self.name if self.is_text else f"{self.name} as written"

    def read(self, key: str | None) -> list[pl.Expr]:
        """The column from the text under a key: as written and, where that differs, typed."""
        text = pl.lit(None, pl.String) if key is None else pl.col(key)
        written = text.alias(self.as_written)
        if self.is_text:
            return [written]
        return [written, text.cast(self.type.parsed, strict=False).alias(self.name)]

    def misfits(self) -> Iterator[tuple[pl.Expr, str]]:
        """What may be wrong in a value that was read, with the reason."""
        value, written = pl.col(self.name), pl.col(self.as_written)
        meaning = self.type.meaning
        if not self.is_text:
            yield value.is_null() & written.is_not_null() & (written != ""), f"is not {meaning}"
        if self.required:
            yield written.is_null() | (written == ""), "is missing"
        if self.width:
            yield value.str.len_bytes() > self.width, f"does not fit in {self.sql_type}"
        if self.base_type == "timestamp without time zone":
            yield ~value.is_between(FIRST_MOMENT, LAST_MOMENT), f"is not {meaning}"
        if self.base_type == "double precision":
            yield ~value.is_finite(), f"is not {meaning}"

    @cached_property
    def landed_type(self) -> pl.DataType:
        """The type in which COPY takes the column."""
        if self.base_type == "timestamp without time zone":
            return pl.Datetime("us")
        return self.type.parsed()

    def landed(self) -> pl.Expr:
        """The column as COPY takes it: an empty string is null, as with Redshift's EMPTYASNULL."""
        value = pl.col(self.name)
        if self.base_type == "timestamp without time zone":
            return pl.from_epoch(value, time_unit="ms").cast(self.landed_type)
        return pl.when(value != "").then(value) if self.is_text else value


def columns_of(cursor: Any, table: str) -> list[Column]:
    """A table's columns as the warehouse describes them: ``sql/schema`` is their one home."""
    cursor.execute(
        "select attname, format_type(atttypid, atttypmod), attnotnull from pg_attribute where "
        "attrelid = cast(%s as regclass) and attnum > 0 and not attisdropped order by attnum",
        (table,),
    )
    return [Column(*row) for row in cursor.fetchall()]
