"""Conversion of JSON objects to rows by COPY's rules."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from local.redshift.refusals import RedshiftError

MAX_OBJECT_SIZE = 4 << 20

_JSON = json.JSONDecoder(parse_int=str, parse_float=str)
_BLANKS = re.compile(r"\s*")

INTEGERS = {"smallint": 15, "integer": 31, "bigint": 63}


class Column(NamedTuple):
    """A column of the table that is loaded."""

    name: str
    type: str
    length: int | None
    required: bool


class RecordError(Exception):
    """
    A record cannot be loaded.

    :param code: Redshift's load error code
    :param message: Redshift's message
    :param column: the column that is at fault, if it is one
    """

    def __init__(self, code: int, message: str, column: Column | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.column = column


def objects(text: str) -> Iterator[tuple[int, dict[str, Any] | RecordError]]:
    """Yield each object with the number of its last line, or an error for an invalid line."""
    position = 0
    # The pattern matches the empty text, too, so there always is a match.
    while (position := _BLANKS.match(text, position).end()) < len(text):  # type: ignore[union-attr]
        try:
            value, end = _JSON.raw_decode(text, position)
            found = value if isinstance(value, dict) else RecordError(1216, "Invalid JSON object")
        except json.JSONDecodeError as error:
            found = RecordError(1216, f"Invalid JSON: {error.msg}")
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
        if len(text[position:end].encode()) > MAX_OBJECT_SIZE:
            found = RecordError(1216, "JSON object is larger than 4 MB")
        yield text.count("\n", 0, end) + 1, found
        position = end


def row(
    columns: Sequence[Column], values: Sequence[Any], *, empty_as_null: bool
) -> list[str | None]:
    """Convert the values to PostgreSQL's text format."""
    return [
        _value(column, value, empty_as_null) for column, value in zip(columns, values, strict=True)
    ]


def _value(column: Column, value: Any, empty_as_null: bool) -> str | None:
    text = None if value is None else _text(value)
    # An empty value is null in every type but text, where it takes EMPTYASNULL.
    if text == "" and (empty_as_null or column.type != "character varying"):
        text = None
    if text is None:
        if column.required:
            raise RecordError(1213, "Missing data for not-null field", column)
        return None
    return CONVERTERS[column.type](column, text)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value)


def _varchar(column: Column, text: str) -> str:
    if "\0" in text:
        raise RecordError(
            1220,
            "String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence: 00",
            column,
        )
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise RecordError(1220, "String contains invalid UTF8 codepoints", column) from error
    if column.length and size > column.length:
        raise RecordError(1204, "String length exceeds DDL length", column)
    return text


def _integer(column: Column, text: str) -> str:
    if found := re.search(r"[^0-9]", text.removeprefix("-").removeprefix("+")):
        raise RecordError(
            1207,
            f"Invalid digit, Value '{found[0]}', Pos {text.index(found[0])}, Type: "
            f"{column.type.title()}",
            column,
        )
    if not -(1 << INTEGERS[column.type]) <= int(text) < 1 << INTEGERS[column.type]:
        raise RecordError(1222, f"Overflow, Value '{text}'", column)
    return text


def _double(column: Column, text: str) -> str:
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text):
        raise RecordError(1208, f"Invalid digit, Value '{text[:20]}', Type: Double", column)
    return text


def _timestamp(column: Column, text: str) -> str:
    if not re.fullmatch(r"-?\d{1,15}", text):
        raise RecordError(1206, "Invalid timestamp format or value [epochmillisecs]", column)
    # Integer arithmetic, because seconds as a float would lose digits.
    seconds, milliseconds = divmod(int(text), 1000)
    return _moment(column, seconds, milliseconds)


def _moment(column: Column, seconds: int, milliseconds: int) -> str:
    from datetime import datetime, timedelta

    try:
        moment = datetime(1970, 1, 1) + timedelta(seconds=seconds)  # noqa: DTZ001 - naive UTC
    except OverflowError as error:
        raise RecordError(1206, "Invalid timestamp format or value", column) from error
    return f"{moment:%Y-%m-%d %H:%M:%S}.{milliseconds:03}"


CONVERTERS: dict[str, Callable[[Column, str], str]] = {
    "character varying": _varchar,
    "smallint": _integer,
    "integer": _integer,
    "bigint": _integer,
    "double precision": _double,
    "timestamp without time zone": _timestamp,
}


def picker(
    columns: Sequence[Column], option: str, paths: bytes | None
) -> Callable[[Mapping[str, Any]], list[Any]]:
    """Return the function that finds the columns' values in an object, by COPY's JSON option."""
    names = [column.name for column in columns]
    if option == "auto":
        return lambda fields: [fields.get(name) for name in names]
    if option == "auto ignorecase":
        return lambda fields: _ignoring_case(names, fields)
    if paths is None:
        raise RedshiftError(f"JSON option '{option}' is not supported", "42601")
    keys = _keys(paths)
    if len(keys) != len(names):
        raise RedshiftError(
            f"Number of jsonpaths and the number of columns should match. JSONPath size: "
            f"{len(keys)}, Number of columns in table or column list: {len(names)}",
            "XX000",
        )
    return lambda fields: [fields.get(key) for key in keys]


def _ignoring_case(names: Sequence[str], fields: Mapping[str, Any]) -> list[Any]:
    found: dict[str, Any] = {}
    for key, value in fields.items():
        found.setdefault(key.lower() if key.isascii() else key, value)
    return [found.get(name) for name in names]


def _keys(paths: bytes) -> list[str]:
    try:
        expressions = json.loads(paths)["jsonpaths"]
    except (ValueError, KeyError) as error:
        raise RedshiftError(f"Invalid JSONPaths file: {error}", "XX000") from error
    keys = []
    for path in expressions:
        found = re.fullmatch(r"\$(?:\.(\w+)|\['([^']+)'\])", path)
        if not found:
            raise RedshiftError(f"Invalid JSONPath format: {path}", "XX000")
        keys.append(found[1] or found[2])
    return keys
