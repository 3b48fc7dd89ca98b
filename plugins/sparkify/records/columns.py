"""The columns of a staging table, and which JSON values fit them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from functools import cached_property
from math import isfinite
from typing import Any, cast

import polars as pl
from airflow.sdk.exceptions import AirflowFailException

from sparkify.records.keys import CHARACTER

FIRST_MOMENT, LAST_MOMENT = -62_135_596_800_000, 253_402_300_799_999
"""The years 1 to 9999 in epoch milliseconds, which every client of a warehouse can display."""

MAX_DIGITS = 38
"""Digits of a numeric on Redshift."""


PolarsType = type[pl.DataType]


@dataclass(frozen=True)
class ColumnType:
    """How a type of the warehouse is parsed: its polars type, and what to call a valid value."""

    parsed: PolarsType
    meaning: str


TYPES = {
    "character varying": ColumnType(pl.String, "text"),
    "text": ColumnType(pl.String, "text"),
    "smallint": ColumnType(pl.Int16, "a whole number of two bytes"),
    "integer": ColumnType(pl.Int32, "a whole number of four bytes"),
    "bigint": ColumnType(pl.Int64, "a whole number of eight bytes"),
    "double precision": ColumnType(pl.Float64, "a number"),
    "numeric": ColumnType(pl.Decimal, "a number that fits without rounding"),
    "boolean": ColumnType(pl.Boolean, "true or false"),
    "date": ColumnType(pl.Date, "a date such as 2018-11-15"),
    "timestamp without time zone": ColumnType(pl.Int64, "a time in epoch milliseconds"),
}


# Surrogates and NUL need a second look.
ESCAPED = (
    r'\\(?:["\\/bfnrt]|u(?:[1-9a-cefA-CEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}'
    r"|0[1-9a-fA-F][0-9a-fA-F]{2}|00[1-9a-fA-F][0-9a-fA-F]|000[1-9a-fA-F]))"
)
JSON_TEXT = f'"(?:{CHARACTER}|{ESCAPED})*"'
JSON_INTEGER = "0|-?[1-9][0-9]{0,17}|-?[1-8][0-9]{18}"
"""A pattern of nearly all whole numbers of eight bytes."""

JSON_NUMBER = r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,2})?"
"""A pattern of numbers that are neither too long nor too large for a float."""

# Of a whole number with a fraction, which polars renders without it: floats are exact up to here.
WITH_FRACTION = r"-?[1-9][0-9]{0,14}\.0"

JSON_SCALAR = f"null|true|false|{JSON_TEXT}|{JSON_NUMBER}"
"""A pattern of JSON values that can be parsed, whatever their column."""


@dataclass(frozen=True)
class Column:
    """One column of a staging table."""

    name: str
    sql_type: str
    required: bool = False

    @property
    def definition(self) -> str:
        """The column as in CREATE TABLE."""
        return f"{self.name} {self.sql_type}"

    @cached_property
    def base_type(self) -> str:
        """The type without its size."""
        return self.sql_type.split("(")[0]

    @cached_property
    def type(self) -> ColumnType:
        """How the column is parsed."""
        if self.base_type not in TYPES:
            raise AirflowFailException(
                f"The column {self.name} of a staging table is of type {self.sql_type}, which JSON "
                f"cannot be loaded into. Declare it as one of: {', '.join(TYPES)}."
            )
        return TYPES[self.base_type]

    @cached_property
    def width(self) -> int | None:
        """How many bytes of text fit, as Redshift counts."""
        return self._sizes[0] if self.is_text and self._sizes else None

    @cached_property
    def _sizes(self) -> list[int]:
        return [int(size) for size in re.findall(r"\d+", self.sql_type)]

    @cached_property
    def is_text(self) -> bool:
        """Whether the column holds text, which any JSON value but an object or a list fits."""
        return self.type.parsed is pl.String

    @cached_property
    def is_whole(self) -> bool:
        """Whether the column holds whole numbers, including epoch milliseconds."""
        return self.type.parsed.is_integer()

    @cached_property
    def is_moment(self) -> bool:
        """Whether the column holds a time, in JSON as epoch milliseconds."""
        return self.base_type == "timestamp without time zone"

    @property
    def as_written(self) -> str:
        """The name of the value as text, which is kept next to the typed one."""
        return self.name if self.is_text else f"{self.name} as written"

    def typed(self, texts: pl.Series) -> pl.Series:
        """Convert texts to the column's type; null if one does not fit."""
        if self.base_type == "numeric":
            return pl.Series(texts.name, map(self._exact, texts), self.staged_type)
        if self.base_type == "date":
            return pl.Series(texts.name, map(_date, texts), pl.Date)
        if self.base_type == "boolean":
            return pl.Series(texts.name, map(BOOLEANS.get, texts), pl.Boolean)
        return texts.cast(self.type.parsed, strict=False)

    def _exact(self, text: str | None) -> Decimal | None:
        """Parse a number for the column; None if it would have to be rounded."""
        if not text or not NUMBER.fullmatch(text):
            return None
        number = Decimal(text)
        precision, scale = self._digits
        # Check the exponent first: written out, a number may have millions of digits.
        if number and not -MAX_DIGITS <= number.adjusted() < precision - scale:
            return None
        rounded = number.quantize(Decimal(1).scaleb(-scale), context=Context(MAX_DIGITS))
        return rounded if rounded == number else None

    @cached_property
    def _digits(self) -> tuple[int, int]:
        """Precision and scale of a numeric."""
        precision, scale = (*self._sizes, 0)[:2] if self._sizes else (MAX_DIGITS, 18)
        return precision, scale

    def needs_text(self, value: object) -> bool:
        """Whether a JSON value shows that the column's numbers are to be parsed as text."""
        as_text = (str, float) if self.is_whole else str
        return self._is_number and isinstance(value, as_text)

    def parsed(self, *, as_text: bool) -> PolarsType:
        """Return the type in which polars parses the column's JSON values."""
        if as_text or not self._is_number:
            return pl.String
        # What is too large for the column is found later.
        return pl.Int64 if self.is_whole else pl.Float64

    def plain(self, *, as_text: bool) -> str:
        """Return a pattern of the JSON values that polars parses as what they are."""
        if not self._is_number:
            return f"null|true|false|{JSON_TEXT}|{JSON_INTEGER}"
        number = JSON_INTEGER if self.is_whole else JSON_NUMBER
        if not as_text:
            return f"null|{number}"
        return f'null|{number}|"[-+.0-9]*"' + (f"|{WITH_FRACTION}" if self.is_whole else "")

    @cached_property
    def _is_number(self) -> bool:
        return self.is_whole or self.type.parsed is pl.Float64

    def misfits(
        self, value: pl.Series, given: pl.Series, lengths: pl.Series | None = None
    ) -> Iterator[tuple[pl.Series, str]]:
        """
        Mark the values that do not fit, with the reason; yield nothing for a reason without any.

        :param value: the values, in the column's type
        :param given: what they were made from: as written, or as parsed from JSON
        :param lengths: how many bytes each text has, if known
        """
        if given.dtype == pl.String and lengths is None:
            lengths = given.str.len_bytes()
        shortest, longest = (1, 0) if lengths is None else bounds(lengths)
        # Counting nulls takes no time, unlike comparing texts.
        missing = given.null_count() + (0 if shortest or lengths is None else (lengths == 0).sum())
        not_fitting = f"is not {self.type.meaning}"
        if not self.is_text and value.null_count() != missing:
            yield value.is_null() & ~_is_missing(given), not_fitting
        if self.required and missing:
            yield _is_missing(given), "is missing"
        if self.width and lengths is not None and longest > self.width:
            yield lengths > self.width, f"does not fit in {self.sql_type}"
        if self.is_moment:
            earliest, latest = bounds(value)
            if not FIRST_MOMENT <= earliest <= latest <= LAST_MOMENT:
                yield ~value.is_between(FIRST_MOMENT, LAST_MOMENT), not_fitting
        # The sum is finite only if all numbers are.
        if self.base_type == "double precision" and not isfinite(value.sum()):
            yield ~value.is_finite(), not_fitting

    @cached_property
    def staged_type(self) -> pl.DataType:
        """The type in which the column is sent to COPY."""
        if self.is_moment:
            return pl.Datetime("us")
        if self.base_type == "numeric":
            return pl.Decimal(*self._digits)
        return self.type.parsed()

    def staged(self, value: pl.Series) -> pl.Series:
        """Convert values to what COPY is sent; as with Redshift's EMPTYASNULL, '' becomes null."""
        if self.is_moment:
            # What does not fit is not loaded, but must not end the conversion of the others.
            inside = value.clip(FIRST_MOMENT, LAST_MOMENT)
            return inside.cast(pl.Datetime("ms")).cast(self.staged_type)
        if self.is_text and (value == "").any():
            return value.to_frame().select(pl.when(pl.first() != "").then(pl.first())).to_series()
        return value


def _is_missing(given: pl.Series) -> pl.Series:
    """Mark nulls and empty texts."""
    return given.is_null() | (given == "") if given.dtype == pl.String else given.is_null()


def bounds(values: pl.Series) -> tuple[int, int]:
    """Return the minimum and maximum of whole numbers; 0 if there are none."""
    return cast("int", values.min() or 0), cast("int", values.max() or 0)


NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?")
"""A JSON number, or text that COPY accepts as one."""

BOOLEANS = {"true": True, "false": False}


def _date(text: str | None) -> date | None:
    try:
        # fromisoformat() alone accepts other forms too, such as 2018-W46-4.
        return date.fromisoformat(text) if text and re.fullmatch(DATE, text) else None
    except ValueError:
        return None


DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"

SOURCE_FILE = Column("source_file", "character varying(1024)")
"""The column that names the file of a row."""


def columns_of(cursor: Any, table: str) -> list[Column]:
    """Return a table's columns from the warehouse's catalogue; ``sql/schema`` defines them."""
    cursor.execute(
        "select attname, format_type(atttypid, atttypmod), attnotnull from pg_attribute where "
        "attrelid = cast(%s as regclass) and attnum > 0 and not attisdropped order by attnum",
        (table,),
    )
    return [Column(*row) for row in cursor.fetchall()]
