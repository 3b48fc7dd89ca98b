"""Files cut into blocks of whole lines: big enough to parse fast, small enough to keep in memory."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from airflow.sdk.exceptions import AirflowFailException

from sparkify.source import Source, SourceFile, read

BLOCK = 1 << 20
"""Bytes of a block, about."""

LONGEST = 4 << 20
"""Bytes of one object at most, as for Redshift's COPY; a longer line is cut and so rejected."""

READERS = 16
"""Threads that open files ahead of the parser: what many small files, or a slow disk, need."""


@dataclass(frozen=True)
class Segment:
    """Consecutive whole lines of one file; ``ends`` tells that they are its last."""

    file: SourceFile
    first_line: int
    lines: bytes
    ends: bool


Block = list[Segment]
"""Segments to parse in one go: a part of a large file, or many small files."""


def blocks(source: Source, files: Iterable[SourceFile]) -> Iterator[Block]:
    """All lines of all files, in order; small files share a block."""
    block: Block = []
    size = 0
    for segment in _segments(source, files):
        block.append(segment)
        size += len(segment.lines)
        if size >= BLOCK // 2:
            yield block
            block, size = [], 0
    if block:
        yield block


def _segments(source: Source, files: Iterable[SourceFile]) -> Iterator[Segment]:
    remaining = iter(files)
    with ThreadPoolExecutor(READERS, thread_name_prefix="read") as readers:
        opened = deque(
            readers.submit(_OpenFile, source, file) for file in islice(remaining, 4 * READERS)
        )
        while opened:
            file = opened.popleft().result()
            opened.extend(readers.submit(_OpenFile, source, file) for file in islice(remaining, 1))
            yield from file.segments()


class _OpenFile:
    """One file whose first piece has been read already."""

    def __init__(self, source: Source, file: SourceFile) -> None:
        self.file = file
        with _named(file):
            self._content = read(source, file)
        self._piece = self._read_piece()

    def segments(self) -> Iterator[Segment]:
        """The file's lines, about a block at a time; an empty file has one empty segment."""
        with self._content:
            line, lines, piece = 1, b"", self._piece
            while True:
                following = self._read_piece() if piece else b""
                lines += piece
                cut = lines.rfind(b"\n") + 1 if following else len(lines)
                if cut or len(lines) > LONGEST:
                    cut = cut or len(lines)
                    yield Segment(self.file, line, lines[:cut], ends=not following)
                    line += lines.count(b"\n", 0, cut)
                    lines = lines[cut:]
                if not following:
                    if not cut:
                        yield Segment(self.file, line, b"", ends=True)
                    return
                piece = following

    def _read_piece(self) -> bytes:
        with _named(self.file):
            return self._content.read(BLOCK)


@contextmanager
def _named(file: SourceFile) -> Iterator[None]:
    """An error of reading, with the name of the file."""
    try:
        yield
    except (EOFError, OSError) as error:
        raise AirflowFailException(
            f"{file.url} cannot be read ({error}); nothing was staged. Mend the file, then clear "
            "this task."
        ) from error
