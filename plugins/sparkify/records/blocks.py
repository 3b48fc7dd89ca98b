"""Split files into blocks of lines: large enough to parse fast, small enough for memory."""

import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from io import BytesIO
from typing import BinaryIO, NamedTuple, Protocol

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from sparkify.sources.base import Source, SourceFile, is_transient
from sparkify.sources.open import read

BLOCK = 900_000
"""Approximate size of a block in bytes."""

AHEAD = 128
"""How many small files are opened ahead of the parser."""

AHEAD_BYTES = 8 << 20
"""How many bytes are read ahead of the parser."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""What some editors write before UTF-8; it is not part of the text."""


class Segment(NamedTuple):
    """
    Consecutive lines of one file.

    ``continues_line``: the first line began, with more than blanks, in the previous segment.
    """

    file: SourceFile
    first_line: int
    line_count: int
    lines: bytes
    is_last: bool
    continues_line: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether the file ends within its last line."""
        return self.is_last and self.lines[-1:] not in b"\n"

    def split(self) -> list[bytes]:
        """Return the lines one by one, each with a newline unless the next segment continues it."""
        return BytesIO(self.lines + b"\n" * self.is_cut).readlines()


Block = list[Segment]
"""Segments to parse together: a part of a large file, or many small files."""

OnMissing = Callable[[SourceFile], object]
"""Called with a file that has gone since it was listed."""


def raise_missing(file: SourceFile) -> None:
    """Fail for a file that has gone; the retry will not list it."""
    raise AirflowException(f"{file.url} has gone since it was listed. Airflow retries the task.")


def blocks(
    source: Source, files: Iterable[SourceFile], on_missing: OnMissing = raise_missing
) -> Iterator[Block]:
    """
    Yield all lines of all files, in order; small files share a block.

    :param on_missing: called for each file that has gone since it was listed
    """
    block: Block = []
    size = 0
    for opened in _opened_ahead(source, files):
        if opened.first is None:
            on_missing(opened.file)
            continue
        for segment in segments(source, opened.file, opened.first, opened.content):
            block.append(segment)
            size += len(segment.lines)
            if size >= BLOCK // 2:
                yield block
                block, size = [], 0
    if block:
        yield block


class Readable(Protocol):
    """The rest of a file; a read that returns fewer bytes than asked for is the last one."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes."""

    def close(self) -> None:
        """Release the file."""


def is_filled(line: bytes) -> bool:
    """Whether a line is not blank."""
    return bool(line.strip(b" \t\r\n"))


class _Opened(NamedTuple):
    """
    A file and its first piece, which is None if the file has gone.

    ``content`` is the rest, if there is more.
    """

    file: SourceFile
    first: bytes | None
    content: BinaryIO | None


def _opened_ahead(source: Source, files: Iterable[SourceFile]) -> Iterator[_Opened]:
    """Yield the files in order, opened by threads a few groups ahead."""

    def open_group(group: list[SourceFile]) -> list[_Opened]:
        return [_open(source, file) for file in group]

    pending: deque[tuple[Future[list[_Opened]], int]] = deque()
    held = 0
    with ThreadPoolExecutor(source.readers, thread_name_prefix="read") as readers:
        for group in _groups(files, max(1, AHEAD // (2 * source.readers))):
            size = sum(map(_first_size, group))
            pending.append((readers.submit(open_group, group), size))
            held += size
            while len(pending) > 2 * source.readers or held > AHEAD_BYTES:
                ready, size = pending.popleft()
                held -= size
                yield from ready.result()
        for ready, _ in pending:
            yield from ready.result()


def _first_size(file: SourceFile) -> int:
    """How much of a file to read first: more than its listed size, to detect its end."""
    return min(BLOCK, file.size + len(BYTE_ORDER_MARK))


def _groups(files: Iterable[SourceFile], most: int) -> Iterator[list[SourceFile]]:
    """Group files for one thread, since a submit costs as much as opening a small file."""
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
    size = _first_size(file)
    try:
        content = read(source, file)
        first = content.read(size)
    except FileNotFoundError:
        return _Opened(file, None, None)
    except UNREADABLE as error:
        raise unreadable(source, file, error) from error
    is_complete = len(first) < size
    if is_complete:
        content.close()
    return _Opened(file, first.removeprefix(BYTE_ORDER_MARK), None if is_complete else content)


def segments(
    source: Source,
    file: SourceFile,
    first: bytes,
    content: Readable | None,
    line: int = 1,
    *,
    continues_line: bool = False,
) -> Iterator[Segment]:
    """
    Yield a file's lines, about a block at a time; an empty file has one empty segment.

    :param first: the first piece, which is all if there is no more content
    :param line: the number of its first line
    :param continues_line: whether that line began before the piece
    """
    if content is None:
        line_count = first.count(b"\n") + (first[-1:] not in b"\n")
        yield Segment(file, line, line_count, first, is_last=True, continues_line=continues_line)
        return
    rest = b""
    for piece, is_last in _pieces(source, file, first, content):
        # A line longer than a piece is cut at the end of the piece.
        cut = len(piece) if is_last else piece.rfind(b"\n") + 1 or len(piece)
        lines, rest = b"".join((rest, memoryview(piece)[:cut])), piece[cut:]
        ended = lines.count(b"\n")
        yield Segment(file, line, ended + (lines[-1:] not in b"\n"), lines, is_last, continues_line)
        line += ended
        unended = lines[lines.rfind(b"\n") + 1 :]
        continues_line = (continues_line and not ended) or is_filled(unended)


def _pieces(
    source: Source, file: SourceFile, first: bytes, content: Readable
) -> Iterator[tuple[bytes, bool]]:
    """Yield a file's bytes, each piece with whether it is the last."""
    with closing(content):
        piece, is_last = first, False
        while not is_last:
            yield piece, False
            try:
                piece = content.read(BLOCK)
            except UNREADABLE as error:
                raise unreadable(source, file, error) from error
            is_last = len(piece) < BLOCK
        yield piece, True


UNREADABLE = (EOFError, OSError, zlib.error)
"""Errors of a file that is forbidden, badly compressed or on a failing disk."""


def unreadable(source: Source, file: SourceFile, error: Exception) -> AirflowException:
    """Return an error that Airflow retries, unless the unchanged file would fail again."""
    message = f"{file.url} cannot be read ({error}); nothing was staged."
    if is_transient(error) or file not in source.list(file.name):
        return AirflowException(f"{message} Airflow retries the task.")
    return AirflowFailException(f"{message} Fix the file, then clear this task.")
