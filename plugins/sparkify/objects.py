"""JSON objects found in text, wherever they begin and end, and the text that is none."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from sparkify.blocks import LONGEST


@dataclass(frozen=True)
class Found:
    """One JSON object, with the line it begins on."""

    line: int
    text: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class Broken:
    """Text that is no JSON object, with the line it begins on and what is wrong."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True)
class Unfinished:
    """The last text of a piece: an object that the next piece may complete."""

    line: int
    text: str


class NotAnObject(ValueError):
    """Text that is not exactly one JSON object."""


def objects(text: str, line: int, *, ends: bool) -> Iterator[Found | Broken | Unfinished]:
    """
    The objects of a text, nearly always one a line.

    A line that is not one object may hold several, or begin one that spans lines. A line that
    is broken is broken as a whole, and reading goes on with the next.
    """
    position = 0
    while position < len(text):
        end = _line_end(text, position)
        if chunk := text[position:end].strip():
            try:
                yield _object(chunk, line)
            except NotAnObject as error:
                several = _several(text, position, line)
                if several is None and not ends and len(text) - position < LONGEST:
                    yield Unfinished(line, text[position:])
                    return
                if several and several[0]:
                    found, end = several
                    yield from found
                else:
                    end = _broken_end(text, position)
                    yield Broken(line, text[position:end].strip(), str(error))
        line += text.count("\n", position, end + 1)
        position = end + 1


def _object(text: str, line: int) -> Found:
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NotAnObject(f"not JSON: {error.msg} at character {error.pos + 1}") from error
    if not isinstance(fields, dict):
        raise NotAnObject("a JSON value, but not an object")
    return Found(line, text, fields)


def _several(text: str, start: int, line: int) -> tuple[list[Found], int] | None:
    """
    The objects from ``start`` to the end of the line on which the last of them ends.

    No object where something else stands between them; None where the text ends too early.
    """
    found: list[Found] = []
    position = end = _skip_blanks(text, start)
    while position < len(text) and position <= end:
        try:
            _, stop = _DECODER.raw_decode(text, position)
        except json.JSONDecodeError as error:
            return None if error.pos >= len(text.rstrip()) else ([], start)
        except RecursionError:
            return [], start
        try:
            begins = line + text.count("\n", start, position)
            found.append(_object(text[position:stop], begins))
        except NotAnObject:
            return [], start
        end = _line_end(text, stop)
        position = _skip_blanks(text, stop)
    return found, end


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _broken_end(text: str, start: int) -> int:
    """The end of a broken line, or of the lines that can only belong to the object it began."""
    end = _line_end(text, start)
    if not text[start:end].strip().startswith("{"):
        return end
    while text[end + 1 : _line_end(text, end + 1)].strip().startswith(('"', "}", "]")):
        end = _line_end(text, end + 1)
    return end


# NaN and Infinity pass here and are refused by orjson, which knows them not to be JSON.
_DECODER = json.JSONDecoder()
