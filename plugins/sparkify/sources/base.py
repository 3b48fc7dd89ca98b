"""The interface of a source of files, and which of its errors are transient."""

import errno
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple, Protocol


class SourceFile(NamedTuple):
    """A file as listed; its ``etag`` changes whenever its content may have."""

    name: str
    url: str
    size: int
    etag: str

    @property
    def version(self) -> tuple[str, str]:
        """Its name and etag, by which the warehouse knows what it has read."""
        return self.name, self.etag


class Source(Protocol):
    """Lists and reads files."""

    @property
    def readers(self) -> int:
        """How many files to read at once."""

    def list(self, prefix: str) -> Iterable[SourceFile]:
        """Yield every file whose name, relative to the source, begins with ``prefix``."""

    def open(self, file: SourceFile) -> BinaryIO:
        """
        Open a file as stored; a read that returns fewer bytes than asked for is the last one.

        Raises FileNotFoundError if the file has gone since it was listed.
        """

    @property
    def url(self) -> str:
        """The canonical URL of the source."""


PERMANENT = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.ENAMETOOLONG})
"""Errors of the system that a retry cannot fix."""


def is_transient(error: Exception) -> bool:
    """Whether a retry may succeed: the system failed, not the content of the file."""
    return isinstance(error, OSError) and error.errno is not None and error.errno not in PERMANENT
