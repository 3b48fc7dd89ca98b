"""Find the JSON objects in the text of a file, and the text that is not JSON."""

import json
import re
from codecs import getincrementaldecoder
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

import orjson

LONGEST_TEXT = 60_000
"""How many bytes of a reject's text are kept, on both engines."""

LONGEST = 4 << 20
"""The longest object in characters; Redshift's COPY accepts as many bytes."""

TOO_LONG = "longer than 4 MB"

UNFINISHED = ", in an unfinished last line"
"""The end of the reason of an object that the file may still be growing by."""

FIRST_LOOK = 4 << 10
"""Characters to search for the end of an object at first, as a failed search reads them all."""

DEEPEST = 500
"""The nesting depth down to which unclosed objects are located."""


class Found(NamedTuple):
    """A JSON object and its first line; of duplicate keys, ``fields`` has the last value."""

    line: int
    text: str
    fields: dict[str, Any]

    def first_values(self) -> dict[str, Any]:
        """
        Return the fields, with numbers as written and the first value of duplicate keys.

        Raises RecursionError.
        """
        fields: dict[str, Any] = _FIRST_VALUES.decode(self.text)
        return fields


class Broken(NamedTuple):
    """Text that is not a JSON object, its first line and what is wrong."""

    line: int
    text: str
    reason: str


class WrittenFloat(str):
    """A number with a fraction or an exponent as written, since a float would change some."""

    __slots__ = ()


class NotAnObjectError(ValueError):
    """Text that is not exactly one JSON object."""


class ObjectReader:
    """
    Reads the objects of one file, piece by piece.

    Objects are separated by white space: nearly always one per line, but also several on a line, or
    one on several lines. Anything else is broken up to the end of its line, along with the lines
    below it that can only belong to the object that it began.

    :param line: the number of the first piece's first line
    """

    def __init__(self, line: int = 1) -> None:
        self._line = line
        # Invalid UTF-8 survives as surrogates, and is rejected with its object.
        self._decoder = getincrementaldecoder("utf-8")("surrogateescape")
        self._rest = ""
        self._broken: list[Broken] = []
        self._broken_size = 0
        self._adding = False
        self._skipping = False
        self._unclosed: frozenset[int] = frozenset()
        self._unclosed_may_continue = False

    @property
    def is_unfinished(self) -> bool:
        """Whether the next piece may continue the end of this one."""
        partial_character = self._decoder.getstate()[0]
        return bool(self._rest or partial_character or self._adding or self._skipping)

    @property
    def is_inside(self) -> bool:
        """Whether an object has begun that the next line may continue, whatever it holds."""
        return bool(self._rest)

    def objects(self, piece: bytes, *, is_last: bool) -> Iterator[Found | Broken]:
        """
        Yield the objects that end in the next piece of the file, and the broken text.

        :param is_last: whether it is the last piece
        """
        text, self._rest = self._rest + self._decoder.decode(piece, final=is_last), ""
        self._unclosed = frozenset()
        position = self._skip(text)
        while position < len(text):
            if text[position] in BLANKS and (filled := _skip_blank_lines(text, position)):
                self._line += text.count("\n", position, filled)
                position = filled
                continue
            end = _line_end(text, position)
            try:
                found = _object(self._line, text[position:end])
            except NotAnObjectError:
                position = yield from self._odd_line(text, position, is_last=is_last)
                continue
            if self._adding:
                yield from self.end()
            yield found
            self._line += end < len(text)
            position = end + 1
        if is_last:
            # An empty last piece ends a line, too.
            self._skipping = False
            yield from self.end()

    def end(self) -> Iterator[Broken]:
        """Yield the broken text held back, as no further line belongs to it."""
        self._adding = False
        yield from self._take_broken()

    def _odd_line(self, text: str, start: int, *, is_last: bool) -> "Steps":
        """Yield the objects of a line that is not one object, up to the end of the last one."""
        position = _skip_blanks(text, start)
        while position < len(text) and text[position] != "\n":
            stop, may_continue = self._extent(text, position)
            may_continue = may_continue and not is_last
            if stop:
                yield from self.end()
                yield _object_or_broken(self._line, text[position:stop])
                self._line += text.count("\n", position, stop)
                position = _skip_blanks(text, stop)
            elif may_continue and len(text) - position <= LONGEST:
                self._rest = text[position:]
                return len(text)
            else:
                end = _line_end(text, position)
                is_cut = is_last and end == len(text) and text[position] == "{"
                reason = TOO_LONG if may_continue else None
                yield from self._break(text[position:end], reason, UNFINISHED * is_cut)
                self._skipping = not is_last and end == len(text)
                position = end
        self._line += position < len(text)
        return position + 1

    def _extent(self, text: str, start: int) -> tuple[int, bool]:
        """Return where the object at ``start`` ends, or 0, and whether more text may end it."""
        if text[start] != "{":
            return 0, text.find("\n", start) < 0
        if start in self._unclosed:
            return 0, self._unclosed_may_continue
        # A failed attempt reads all the text that it is given, and every line may cause one.
        size = FIRST_LOOK
        while True:
            piece = text[start : start + size]
            try:
                return start + _DECODER.raw_decode(piece)[1], False
            except json.JSONDecodeError as error:
                failed_at, may_continue = error.pos, _may_continue(piece, error.pos)
            except RecursionError:
                failed_at, may_continue = len(piece), False
            if not may_continue or start + size >= len(text):
                break
            size *= 8
        # Unclosed objects inside this one fail at the same place: do not parse them again.
        self._unclosed = frozenset(_unclosed_objects(text, start, start + failed_at))
        self._unclosed_may_continue = may_continue
        return 0, may_continue

    def _break(self, text: str, reason: str | None, place: str = "") -> Iterator[Broken]:
        """Record broken text, and hold it back for lines below that may belong to it."""
        if not (self._adding and text.startswith(CONTINUATIONS)):
            yield from self.end()
            self._adding = text.startswith("{")
            reason = (reason or _fault(text) or "nested too deeply") + place
        self._broken.append(Broken(self._line, text, reason or TOO_LONG))
        self._broken_size += len(text)
        if not self._adding or self._broken_size > LONGEST:
            yield from self._take_broken()

    def _take_broken(self) -> Iterator[Broken]:
        if self._broken:
            text = "\n".join(broken.text for broken in self._broken)
            yield self._broken[0]._replace(text=text)
            self._broken = []
            self._broken_size = 0

    def _skip(self, text: str) -> int:
        """Return where to continue: after the rest of a line that was already broken."""
        if not self._skipping:
            return 0
        end = _line_end(text, 0)
        self._skipping = end == len(text)
        self._line += not self._skipping
        return end + 1


Steps = Generator[Found | Broken, None, int]
"""Yields what it finds, and returns the position reached."""

# The beginnings of lines that can only belong to an object begun above them.
CONTINUATIONS = ('"', "}", "]")

BLANKS = " \t\r\n"

# JSON's white space, without and with newlines.
_BLANKS = re.compile(r"[ \t\r]*")
_BLANK_LINES = re.compile(r"[ \t\r\n]*")
_BLANK_REST = re.compile(r"[ \t\r\n]*\Z")

# Unlike orjson, it finds where an object ends. Numbers stay text, as some are too long to convert.
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


def _object_or_broken(line: int, text: str) -> Found | Broken:
    try:
        return _object(line, text)
    except NotAnObjectError as error:
        return Broken(line, text, str(error))


# Brackets, and quoted text, which may be cut off at the end.
_TOKENS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


def _unclosed_objects(text: str, start: int, end: int) -> list[int]:
    """Return where the objects begin that are still open at the end, or at the maximum depth."""
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


def _may_continue(text: str, failed_at: int) -> bool:
    """Whether parsing failed only because the text ended, so that more text may complete it."""
    return bool(_BLANK_REST.match(text, failed_at)) or text.find("\n", failed_at) < 0


def _skip_blanks(text: str, position: int) -> int:
    found = _BLANKS.match(text, position)
    return found.end() if found else position


def _skip_blank_lines(text: str, position: int) -> int:
    """Return the start of the first line that is not blank; 0 if this line is not blank."""
    found = _BLANK_LINES.match(text, position)
    end = found.end() if found else position
    return end if end == len(text) else text.rfind("\n", position, end) + 1


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end
