"""Files cut into blocks of lines: big enough to parse fast, small enough to keep in memory."""

import re
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import BinaryIO, NamedTuple

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from sparkify.sources.base import Source, SourceFile, may_pass
from sparkify.sources.open import read

BLOCK = 900_000
"""Bytes of a block, about."""

AHEAD = 128
"""Files that are opened ahead of the parser, unless they are big: what many small files need."""

AHEAD_BYTES = 16 << 20
"""What is read of them ahead, at most."""

FILLED = re.compile(rb"[^ \t\r\n][^\n]*")
"""A line that is not blank, from its first letter on."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""What some editors put before UTF-8; it is no part of the text."""


class Segment(NamedTuple):
    """
    Consecutive lines of one file.

    ``ends`` tells that they are its last; ``goes_on`` that the first of them began, with more than
    blanks, in the segment before.
    """

    file: SourceFile
    first_line: int
    line_count: int
    lines: bytes
    ends: bool
    goes_on: bool = False

    @property
    def filled_lines(self) -> int:
        """How many lines that are not blank begin here: what has to be accounted for."""
        begun = self.goes_on and _is_filled(self.lines.partition(b"\n")[0])
        return len(FILLED.findall(self.lines)) - begun

    @property
    def cuts_a_line(self) -> bool:
        """Whether a line, longer than a block, is in part in the segment before or after."""
        return self.goes_on or self.cuts_its_last_line

    @property
    def cuts_its_last_line(self) -> bool:
        """Whether the segment after this one goes on with its last line."""
        return not (self.ends or self.lines.endswith(b"\n"))

    @property
    def whole_lines(self) -> bytes:
        """The lines, of which the last one ends with a line end too."""
        return self.lines if self.lines[-1:] in b"\n" else self.lines + b"\n"


Block = list[Segment]
"""Segments to parse in one go: a part of a large file, or many small files."""


Missed = Callable[[SourceFile], object]
"""Takes a file that has gone since it was listed."""


def refuse(file: SourceFile) -> None:
    """Take no file that has gone: the next try does not list it."""
    raise AirflowException(f"{file.url} has gone since it was listed. The task is tried again.")


def blocks(source: Source, files: Iterable[SourceFile], missed: Missed = refuse) -> Iterator[Block]:
    """
    All lines of all files, in order; small files share a block.

    :param missed: is told of each file that has gone since it was listed, of which there are none
    """
    block: Block = []
    size = 0
    for opened in _opened_ahead(source, files):
        if opened.first is None:
            missed(opened.file)
            continue
        for segment in _segments(source, opened.file, opened.first, opened.content):
            block.append(segment)
            size += len(segment.lines)
            if size >= BLOCK // 2:
                yield block
                block, size = [], 0
    if block:
        yield block


def _is_filled(line: bytes) -> bool:
    return bool(line.strip(b" \t\r"))


class _Opened(NamedTuple):
    """
    A file whose first piece is read; ``content`` has the rest, if there is one.

    A file that has gone has no piece.
    """

    file: SourceFile
    first: bytes | None
    content: BinaryIO | None


def _opened_ahead(source: Source, files: Iterable[SourceFile]) -> Iterator[_Opened]:
    """The files, opened by threads a few groups ahead."""

    def opened(group: list[SourceFile]) -> list[_Opened]:
        return [_open(source, file) for file in group]

    under_way: deque[tuple[Future[list[_Opened]], int]] = deque()
    held = 0
    with ThreadPoolExecutor(source.readers, thread_name_prefix="read") as readers:
        for group in _groups(files, max(1, AHEAD // (2 * source.readers))):
            size = sum(map(_asked, group))
            under_way.append((readers.submit(opened, group), size))
            held += size
            while len(under_way) > 2 * source.readers or held > AHEAD_BYTES:
                ready, size = under_way.popleft()
                held -= size
                yield from ready.result()
        for ready, _ in under_way:
            yield from ready.result()


def _asked(file: SourceFile) -> int:
    """How much of a file is read first: more than was listed, so that the end is seen too."""
    return min(BLOCK, file.size + len(BYTE_ORDER_MARK))


def _groups(files: Iterable[SourceFile], most: int) -> Iterator[list[SourceFile]]:
    """Files that one thread opens in one go: a call costs as much as opening a small one."""
    group: list[SourceFile] = []
    size = 0
    for file in files:
        group.append(file)
        size += file.size
        if len(group) == most or size >= BLOCK:
            yield group
            group, size = [], 0
    if group:
        yield group


def _open(source: Source, file: SourceFile) -> _Opened:
    asked = _asked(file)
    try:
        content = read(source, file)
        first = content.read(asked)
    except FileNotFoundError:
        return _Opened(file, None, None)
    except UNREADABLE as error:
        raise _unreadable(source, file, error) from error
    if len(first) < asked:
        content.close()
        return _Opened(file, first.removeprefix(BYTE_ORDER_MARK), None)
    return _Opened(file, first.removeprefix(BYTE_ORDER_MARK), content)


def _segments(
    source: Source, file: SourceFile, first: bytes, content: BinaryIO | None
) -> Iterator[Segment]:
    """A file's lines, about a block at a time; an empty file has one empty segment."""
    if content is None:
        line_count = first.count(b"\n") + (first[-1:] not in b"\n")
        yield Segment(file, 1, line_count, first, ends=True)
        return
    line, rest, goes_on = 1, b"", False
    for piece, ends in _pieces(source, file, first, content):
        lines = rest + piece
        # A line that is longer than a piece is cut where the piece ends.
        cut = len(lines) if ends else lines.rfind(b"\n") + 1 or len(lines)
        lines, rest = lines[:cut], lines[cut:]
        ended = lines.count(b"\n")
        yield Segment(file, line, ended + (lines[-1:] not in b"\n"), lines, ends, goes_on)
        line += ended
        goes_on = (goes_on and not ended) or _is_filled(lines.rpartition(b"\n")[2])


def _pieces(
    source: Source, file: SourceFile, first: bytes, content: BinaryIO
) -> Iterator[tuple[bytes, bool]]:
    """A file's bytes, and with each piece whether it is the last."""
    with closing(content):
        piece, ends = first, False
        while not ends:
            yield piece, False
            try:
                piece = content.read(BLOCK)
            except UNREADABLE as error:
                raise _unreadable(source, file, error) from error
            ends = len(piece) < BLOCK
        yield piece, True


UNREADABLE = (EOFError, OSError, zlib.error)
"""What a file that is forbidden, badly compressed or on a failing disk raises."""


def _unreadable(source: Source, file: SourceFile, error: Exception) -> AirflowException:
    """The error of a task that is tried again, unless the same file would only fail it again."""
    said = f"{file.url} cannot be read ({error}); nothing was staged."
    if may_pass(error) or file not in source.list(file.name):
        return AirflowException(f"{said} The task is tried again.")
    return AirflowFailException(f"{said} Mend the file, then clear this task.")
