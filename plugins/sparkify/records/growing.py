"""Read the text of a file in parts, and tell by a digest whether a part has changed."""

from collections import deque
from collections.abc import Iterator
from hashlib import sha256
from typing import Self

from sparkify.records import blocks
from sparkify.records.blocks import BYTE_ORDER_MARK, UNREADABLE, Block, segments, unreadable
from sparkify.sources.base import Source, SourceFile
from sparkify.sources.open import read


class ChangedError(Exception):
    """What was read of a file before is not what it now holds."""


class GrowingText:
    """
    The text of one file, read once from its start to its end.

    Raises FileNotFoundError if the file has gone.

    :param salt: what the digest depends on besides the text
    """

    def __init__(self, source: Source, file: SourceFile, salt: str) -> None:
        self._source, self._file = source, file
        try:
            self._content = read(source, file)
        except FileNotFoundError:
            raise
        except UNREADABLE as error:
            raise unreadable(source, file, error) from error
        self._digest = sha256(salt.encode())
        self._ends_line = True
        self.size = 0
        self.lines = 0
        """How many lines have ended, as far as blocks were read."""
        self.places: deque[int] = deque()
        """Where the blocks begin that were read; whoever takes a block takes its place, too."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._content.close()

    @property
    def digest(self) -> str:
        """The digest of all that was read."""
        return self._digest.hexdigest()

    def read(self, size: int) -> bytes:
        """Return the next bytes; fewer than asked for are the last ones."""
        try:
            piece = self._content.read(size)
        except UNREADABLE as error:
            raise unreadable(self._source, self._file, error) from error
        self._digest.update(piece)
        self.size += len(piece)
        if piece:
            self._ends_line = piece.endswith(b"\n")
        return piece

    def skip(self, size: int) -> None:
        """Read on to this size of the text."""
        part = _Part(self, size)
        while part.read(blocks.BLOCK):
            pass

    def blocks(self, size: int | None = None) -> Iterator[Block]:
        """
        Yield the following lines, up to this size of the text or to its end.

        Raises ChangedError if they begin with more of the last line that was read.
        """
        place, continues_line, part = self.size, not self._ends_line, _Part(self, size)
        first = part.read(blocks.BLOCK)
        if continues_line and first and not first.startswith((b"\n", b"\r\n")):
            raise ChangedError
        rest = part if len(first) == blocks.BLOCK else None
        mark = 0 if place else len(first) - len(first.removeprefix(BYTE_ORDER_MARK))
        for segment in segments(
            self._source,
            self._file,
            first[mark:],
            rest,
            self.lines + 1,
            continues_line=continues_line,
        ):
            self.places.append(place)
            place += len(segment.lines) + mark
            mark = 0
            self.lines += segment.line_count - (segment.lines[-1:] not in b"\n")
            yield [segment]


class _Part:
    """The text up to a size."""

    def __init__(self, text: GrowingText, size: int | None) -> None:
        self._text, self._size = text, size

    def read(self, size: int, /) -> bytes:
        """Return the next bytes of the part."""
        wanted = size if self._size is None else min(size, self._size - self._text.size)
        return self._text.read(wanted) if wanted else b""

    def close(self) -> None:
        """Leave the text open, for the parts that follow."""
