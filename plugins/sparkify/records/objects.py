"""JSON objects found in a file's text, wherever they begin and end, and the text that is none."""

import json
import re
from codecs import getincrementaldecoder
from collections.abc import Container, Generator, Iterator
from typing import Any, NamedTuple

import orjson

LONGEST_TEXT = 60_000
"""Bytes of a reject's text that are kept: its beginning, on both engines."""

LONGEST = 4 << 20
"""Characters of one object at most: Redshift's COPY takes so many bytes."""

TOO_LONG = "longer than 4 MB"

FIRST_LOOK = 4 << 10
"""Characters in which the end of an object is looked for first: a failure costs as many."""

DEEPEST = 500
"""How many objects and lists, one in the other, are told apart where there are too many."""


class Found(NamedTuple):
    """One JSON object, with the line it begins on; of a key that it has twice, the last value."""

    line: int
    text: str
    fields: dict[str, Any]

    def first_values(self) -> dict[str, Any]:
        """
        The fields, numbers as they were written.

        Of a key that the object has twice, the first value counts. Raises RecursionError.
        """
        fields: dict[str, Any] = _FIRST_VALUES.decode(self.text)
        return fields


class Plain(NamedTuple):
    """Consecutive lines of which is known that each is one plain object."""

    line: int
    text: str
    height: int


class Broken(NamedTuple):
    """Text that is no JSON object, with the line it begins on and what is wrong."""

    line: int
    text: str
    reason: str


class WrittenFloat(str):
    """A number with a fraction or an exponent, as it was written: a float would change some."""

    __slots__ = ()


class NotAnObjectError(ValueError):
    """Text that is not exactly one JSON object."""


class ObjectReader:
    """
    Reads the objects of one file, which is given piece by piece.

    Objects follow one another with blanks between them: nearly always one a line, but several in
    a line and one on several lines are read too. What is no object is broken up to the end of its
    line, and so are the lines below it that can only belong to the object it began.

    :param line: the number of the first piece's first line
    """

    def __init__(self, line: int = 1) -> None:
        self._line = line
        # Bytes that are no UTF-8 survive as surrogates, and are refused with their object.
        self._decoder = getincrementaldecoder("utf-8")("surrogateescape")
        self._rest = ""
        self._broken: list[Broken] = []
        self._broken_size = 0
        self._adding = False
        self._skipping = False
        self._unclosed: frozenset[int] = frozenset()
        self._unclosed_goes_on = False

    @property
    def waits(self) -> bool:
        """Whether the next piece may belong to what this one ended with."""
        half_a_letter = self._decoder.getstate()[0]
        return bool(self._rest or half_a_letter or self._adding or self._skipping)

    def objects(
        self, piece: bytes, *, ends: bool, plain: Container[int] = ()
    ) -> Iterator[Found | Broken | Plain]:
        """
        What ends in the next piece of the file.

        :param ends: whether it is the last piece
        :param plain: numbers of lines, whole in this piece, that are known to be one object each
        """
        text, self._rest = self._rest + self._decoder.decode(piece, final=ends), ""
        self._unclosed = frozenset()
        position = self._skip(text)
        while position < len(text):
            if text[position] in BLANKS and (filled := _skip_blank_lines(text, position)):
                self._line += text.count("\n", position, filled)
                position = filled
                continue
            if self._line in plain:
                yield from self._settled()
                first, start, line = self._line, position, self._line
                while line in plain:
                    line += 1
                    position = text.find("\n", position) + 1 or len(text)
                self._line = line
                yield Plain(first, text[start:position], line - first)
                continue
            end = _line_end(text, position)
            try:
                found = _object(self._line, text[position:end])
            except NotAnObjectError:
                position = yield from self._odd_line(text, position, ends=ends)
                continue
            if self._adding:
                yield from self._settled()
            yield found
            self._line += end < len(text)
            position = end + 1
        if ends:
            yield from self._settled()

    def _odd_line(self, text: str, start: int, *, ends: bool) -> "Steps":
        """The objects of a line that is not one object, to its end or to that of the last one."""
        position = _skip_blanks(text, start)
        while position < len(text) and text[position] != "\n":
            stop, goes_on = self._extent(text, position)
            goes_on = goes_on and not ends
            if stop:
                yield from self._settled()
                yield _judged(self._line, text[position:stop])
                self._line += text.count("\n", position, stop)
                position = _skip_blanks(text, stop)
            elif goes_on and len(text) - position <= LONGEST:
                self._rest = text[position:]
                return len(text)
            else:
                end = _line_end(text, position)
                yield from self._break(text[position:end], TOO_LONG if goes_on else None)
                self._skipping = not ends and end == len(text)
                position = end
        self._line += position < len(text)
        return position + 1

    def _extent(self, text: str, start: int) -> tuple[int, bool]:
        """Where the object that begins at ``start`` ends, or 0; and whether more may end it."""
        if text[start] != "{":
            return 0, text.find("\n", start) < 0
        if start in self._unclosed:
            return 0, self._unclosed_goes_on
        # A failure costs as much as the text it is given is long, and there may be one a line.
        size = FIRST_LOOK
        while True:
            piece = text[start : start + size]
            try:
                return start + _DECODER.raw_decode(piece)[1], False
            except json.JSONDecodeError as error:
                failed_at, goes_on = error.pos, _goes_on(piece, error.pos)
            except RecursionError:
                failed_at, goes_on = len(piece), False
            if not goes_on or start + size >= len(text):
                break
            size *= 8
        # What is inside it and open as well fails there too: it is not read to there once more.
        self._unclosed = frozenset(_left_open(text, start, start + failed_at))
        self._unclosed_goes_on = goes_on
        return 0, goes_on

    def _break(self, text: str, reason: str | None) -> Iterator[Broken]:
        """Take text for broken; it waits for the lines below it, which may belong to it."""
        if not (self._adding and text.startswith(CONTINUATIONS)):
            yield from self._settled()
            self._adding = text.startswith("{")
            reason = reason or _fault(text) or "nested too deeply"
        self._broken.append(Broken(self._line, text, reason or TOO_LONG))
        self._broken_size += len(text)
        if not self._adding or self._broken_size > LONGEST:
            yield from self._joined()

    def _settled(self) -> Iterator[Broken]:
        """The broken text above, now that no line is added to it."""
        self._adding = False
        yield from self._joined()

    def _joined(self) -> Iterator[Broken]:
        if self._broken:
            text = "\n".join(broken.text for broken in self._broken)
            yield self._broken[0]._replace(text=text)
            self._broken = []
            self._broken_size = 0

    def _skip(self, text: str) -> int:
        """Where reading goes on: behind the rest of a line that was broken before it ended."""
        if not self._skipping:
            return 0
        end = _line_end(text, 0)
        self._skipping = end == len(text)
        self._line += not self._skipping
        return end + 1


Steps = Generator[Found | Broken, None, int]
"""What is found on the way, and the position reached."""

# A line that begins so can only belong to an object begun above it.
CONTINUATIONS = ('"', "}", "]")

BLANKS = " \t\r\n"

# White space as JSON has it, and nothing else; without and with line ends.
_BLANKS = re.compile(r"[ \t\r]*")
_BLANK_LINES = re.compile(r"[ \t\r\n]*")
_BLANK_REST = re.compile(r"[ \t\r\n]*\Z")

# Tells where an object ends, as orjson does not. Numbers stay text: some are too long to convert.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)


def _first_values(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in pairs:
        fields.setdefault(key, value)
    return fields


_FIRST_VALUES = json.JSONDecoder(
    parse_int=str, parse_float=WrittenFloat, object_pairs_hook=_first_values
)


def _object(line: int, text: str) -> Found:
    if len(text) > LONGEST:
        raise NotAnObjectError(TOO_LONG)
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NotAnObjectError(f"not JSON: {error.msg} at character {error.pos + 1}") from error
    if not isinstance(fields, dict):
        raise NotAnObjectError("a JSON value, but not an object")
    return Found(line, text, fields)


def _fault(text: str) -> str | None:
    try:
        _object(0, text)
    except NotAnObjectError as error:
        return str(error)
    return None


def _judged(line: int, text: str) -> Found | Broken:
    try:
        return _object(line, text)
    except NotAnObjectError as error:
        return Broken(line, text, str(error))


# Text in quotes, which the end may cut, and what objects and lists begin and end with.
_TOKENS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


def _left_open(text: str, start: int, end: int) -> list[int]:
    """Where the objects begin that are open at the end of JSON, or where there are too many."""
    opened: list[int] = []
    for token in _TOKENS.finditer(text, start, end):
        place = token.start()
        if text[place] in "[{":
            opened.append(place)
            if len(opened) == DEEPEST:
                break
        elif text[place] in "]}" and opened:
            opened.pop()
    return [place for place in opened if text[place] == "{"]


def _goes_on(text: str, failed_at: int) -> bool:
    """Whether reading failed for the end of the text alone, so that more text may mend it."""
    return bool(_BLANK_REST.match(text, failed_at)) or text.find("\n", failed_at) < 0


def _skip_blanks(text: str, position: int) -> int:
    found = _BLANKS.match(text, position)
    return found.end() if found else position


def _skip_blank_lines(text: str, position: int) -> int:
    """Where the first line begins that is not blank; 0 where this one is not."""
    found = _BLANK_LINES.match(text, position)
    end = found.end() if found else position
    return end if end == len(text) else text.rfind("\n", position, end) + 1


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end
