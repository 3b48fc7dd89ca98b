"""What reading JSON into a table comes to, said again in plain Python, one record after another."""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any

from sparkify.records.columns import Column

INTEGERS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
WIDE = Context(prec=2000)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Loaded:
    line: int
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Rejected:
    line: int
    column: str | None
    kind: str


class RefusedError(ValueError):
    """A value that its column cannot hold, or a text that is no JSON."""


def read(
    content: bytes, columns: list[Column], rule: Callable[[dict[str, Any]], bool]
) -> Iterator[Loaded | Rejected]:
    """Every record of a file, loaded or rejected."""
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    for line, chunk in records(text):
        try:
            pairs = strictly(chunk)
        except (ValueError, RecursionError):
            yield Rejected(line, None, "json")
            continue
        yield judged(line, pairs, columns, rule)


def records(text: str) -> Iterator[tuple[int, str]]:
    """The texts between blanks: objects, or what is left of a line that holds none."""
    position, line, open_junk = 0, 1, False
    while position < len(text):
        if text[position] in " \t\r\n":
            line += text[position] == "\n"
            position += 1
            continue
        end = object_end(text, position)
        if end:
            yield line, text[position:end]
            line += text.count("\n", position, end)
            open_junk = False
        else:
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
            if not (open_junk and text[position] in '"}]'):
                yield line, text[position:end]
                open_junk = text[position] == "{"
        position = end


def object_end(text: str, start: int) -> int:
    if text[start] != "{":
        return 0
    try:
        return json.JSONDecoder(parse_int=str).raw_decode(text, start)[1]
    except (json.JSONDecodeError, RecursionError):
        return 0


def strictly(text: str) -> list[tuple[str, Any]]:
    """The pairs of one object; ValueError where it is none."""
    text.encode()
    value = json.loads(
        text,
        object_pairs_hook=list,
        parse_constant=refuse,
        parse_int=finite,
        parse_float=lambda text: Fraction(finite(text)),
    )
    if not text.startswith("{"):
        raise RefusedError
    json.dumps(value, ensure_ascii=False).encode()  # a lone half of a character has no bytes
    return list(value)


def refuse(text: str) -> Any:
    raise RefusedError(text)


class Fraction(str):
    """A JSON number with a fraction or an exponent, as it was written."""


def finite(text: str) -> str:
    """A JSON number, as it was written."""
    if math.isinf(float(text)):
        raise RefusedError(text)
    return text


def judged(
    line: int,
    pairs: list[tuple[str, Any]],
    columns: list[Column],
    rule: Callable[[dict[str, Any]], bool],
) -> Loaded | Rejected:
    given: dict[str, Any] = {}
    for key, value in pairs:
        given.setdefault(key.lower() if key.isascii() else key, value)
    for column in columns:
        if column.is_text and isinstance(given.get(column.name), list):
            return Rejected(line, column.name, "nested")
    values = {}
    for column in columns:
        try:
            values[column.name] = converted(column, given.get(column.name))
        except RefusedError as error:
            return Rejected(line, column.name, str(error))
    if rule(values):
        return Rejected(line, None, "rule")
    for name, value in values.items():
        if isinstance(value, str) and "\0" in value:
            return Rejected(line, name, "nul")
    return Loaded(line, tuple(values.values()))


def converted(column: Column, value: Any) -> Any:
    text = as_text(value)
    if column.required and not text:
        raise RefusedError("missing")
    if not text:
        return None
    if column.is_text:
        if column.width and len(text.encode()) > column.width:
            raise RefusedError("width")
        return text
    if column.base_type in OTHERS:
        return OTHERS[column.base_type](text, column.sql_type)
    if isinstance(value, Fraction):
        text = re.sub(r"\.0*$", "", format(Decimal(value), "f"))
    whole = whole_number(text, INTEGERS.get(column.base_type, 2**63))
    if column.base_type in INTEGERS:
        return whole
    try:
        return EPOCH + timedelta(milliseconds=whole)
    except OverflowError as error:
        raise RefusedError("misfit") from error


def as_text(value: Any) -> str | None:
    """A JSON value as text; a number as it was written."""
    return json.dumps(value) if isinstance(value, bool | list) else value


def whole_number(text: str, limit: int) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text) or not -limit <= int(text) < limit:
        raise RefusedError("misfit")
    return int(text)


def double(text: str, _: str = "") -> float:
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        raise RefusedError("misfit")
    if math.isinf(float(text)):
        raise RefusedError("misfit")
    return float(text)


def decimal(text: str, sql_type: str) -> Decimal:
    """A number of so many digits, which is not rounded."""
    double(text)
    precision, scale = map(int, re.findall("[0-9]+", sql_type))
    shifted = Decimal(text).scaleb(scale, WIDE)
    if WIDE.remainder(shifted, Decimal(1)) or abs(shifted) >= 10**precision:
        raise RefusedError("misfit")
    return Decimal(text)


def day(text: str, _: str) -> date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise RefusedError("misfit")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise RefusedError("misfit") from error


OTHERS: dict[str, Callable[[str, str], Any]] = {
    "double precision": double,
    "numeric": decimal,
    "date": day,
}
