"""What a source of files is, whatever it is kept in, and which of its errors may pass."""

import errno
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple, Protocol


class SourceFile(NamedTuple):
    """One file as it was listed; ``etag`` changes whenever its content may have."""

    name: str
    url: str
    size: int
    etag: str


class Source(Protocol):
    """Where files are listed and read."""

    @property
    def readers(self) -> int:
        """How many files are best read at once."""

    def list(self, prefix: str) -> Iterable[SourceFile]:
        """Every file whose name, relative to the source, begins with ``prefix``."""

    def open(self, file: SourceFile) -> BinaryIO:
        """
        The bytes of one file, as they are stored; fewer than are asked for are the last.

        Raises FileNotFoundError where the file has gone since it was listed.
        """

    @property
    def url(self) -> str:
        """The source's one name, however its URL was spelled."""


LASTING = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.ENAMETOOLONG})
"""What the system says no to, and does again until somebody changes something."""


def may_pass(error: Exception) -> bool:
    """Whether the next try may succeed: the system, not the content, is what failed this one."""
    return isinstance(error, OSError) and error.errno is not None and error.errno not in LASTING
