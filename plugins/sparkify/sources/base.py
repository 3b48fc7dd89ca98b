"""A source of files: a folder, or a bucket, named by one URL."""

import errno
import os
import re
from bisect import bisect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from gzip import BadGzipFile, GzipFile
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol, cast
from urllib.parse import quote, unquote, urlsplit

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from sparkify.sources.globs import glob_expression, literal_prefix

if TYPE_CHECKING:
    from sparkify.sources.bucket import BucketSource

LOOKED_AT = 1000
"""Files of a folder that are looked at for names near to one that is missing."""

SHOWN_NAMES = 3


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


def open_source(url: str, setting: str = "source") -> "FolderSource | BucketSource":
    """The source, or another place for files, that the URL in a setting names."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        # A folder's name may hold what separates the parts of other URLs.
        path = unquote(url.split(":", 1)[1].removeprefix("//").removeprefix("localhost"))
        if path.startswith("/"):
            return FolderSource(Path(path))
    if parts.scheme == "s3" and parts.netloc:
        # Importing the AWS client takes a while: only what reads from S3 waits for it.
        from sparkify.sources.bucket import BucketSource

        prefix = url.split("://", 1)[1].partition("/")[2].strip("/")
        return BucketSource(parts.netloc, f"{prefix}/" if prefix else "")
    raise AirflowFailException(
        f"The {setting} {url!r} cannot be read. Set the variable sparkify_{setting} to a bucket, "
        "such as s3://my-bucket/sparkify, or to the full path of a folder, such as "
        "file:///srv/sparkify"
    )


def find(source: Source, pattern: str) -> list[SourceFile]:
    """The files that a glob names (``**`` for any folders), sorted by name."""
    prefix = literal_prefix(pattern)
    # A year of days is as many patterns, each of which names one file: compiling those takes longer
    # than looking for them.
    is_name = prefix == pattern
    matches = (
        prefix.__eq__ if is_name else re.compile(glob_expression(pattern), re.DOTALL).fullmatch
    )
    files = sorted(file for file in source.list(prefix) if matches(file.name))
    for file in files:
        if not file.name.isascii() and not _is_utf8(file.name):
            raise AirflowFailException(
                f"The name of the file {file.url} is no UTF-8, so no table can hold it. Rename it."
            )
    return files


def near(source: Source, pattern: str) -> list[str]:
    """A few names where a glob looks, or above: for who wonders why none matches it."""
    wanted = literal_prefix(pattern)
    folders = [wanted[: place + 1] for place, letter in enumerate(wanted) if letter == "/"]
    # What is wrong in a folder that nobody asked for is no reason to fail.
    with suppress(AirflowException):
        for folder in ("", *folders)[::-1]:
            if names := sorted(file.name for file in islice(source.list(folder), LOOKED_AT)):
                return names[max(0, bisect(names, wanted) - 2) :][:SHOWN_NAMES]
    return []


def _is_utf8(name: str) -> bool:
    return name.encode("utf-8", "surrogateescape") == name.encode("utf-8", "replace")


def read(source: Source, file: SourceFile) -> BinaryIO:
    """The content of one file, uncompressed where its name ends in ``.gz``."""
    stored = source.open(file)
    is_compressed = file.name.endswith(".gz")
    return cast("BinaryIO", Uncompressed(stored, file.size)) if is_compressed else stored


ANY_RATIO = 16 << 20
"""Bytes to which any compressed file may unpack."""

RATIO = 200
"""How many times its size a larger one may: logs rarely come to 50, and gzip ends at 1,032."""


class Uncompressed(GzipFile):
    """
    A compressed file's content; closing it closes the file too.

    :param size: the bytes that are stored
    """

    def __init__(self, stored: BinaryIO, size: int) -> None:
        super().__init__(fileobj=stored)
        self._stored = stored
        self._most = max(ANY_RATIO, RATIO * size)
        self._unpacked = 0

    def read(self, size: int | None = -1) -> bytes:
        """So many bytes; BadGzipFile where all of them are absurdly many."""
        piece = super().read(size)
        self._unpacked += len(piece)
        if self._unpacked > self._most:
            raise BadGzipFile(
                f"it unpacks to more than {self._most >> 20} MB, as no log does; if it is "
                "right, unpack it yourself"
            )
        return piece

    def close(self) -> None:
        """Close both."""
        super().close()
        self._stored.close()


@dataclass(frozen=True)
class FolderSource:
    """A folder of this machine."""

    root: Path
    readers: int = 2

    def list(self, prefix: str) -> Iterator[SourceFile]:
        """
        Every file below the folder, by name; a folder that does not exist is an error.

        A link is followed where it leads to something in the folder; one that leads out of it is
        an error, for who may write here need not be one who may read there.
        """
        folder = prefix[: prefix.rfind("/") + 1]
        with _explained(f"The folder {self.root / folder} cannot be listed"):
            if not self.root.is_dir():
                # What is mounted there may come back.
                raise AirflowException(
                    f"The source folder {self.root} does not exist on this machine. Set the "
                    "variable sparkify_source to the folder that holds log_data and song_data. "
                    "The task is tried again."
                )
            if self._followed(folder) and (self.root / folder).is_dir():
                yield from self._below(folder, prefix)

    def _below(self, folder: str, prefix: str) -> Iterator[SourceFile]:
        """The files below a folder, which is named as a prefix of theirs."""
        for entry in self._entries(folder):
            name = folder + entry.name
            inner = f"{name}/"
            if not (inner.startswith(prefix) or prefix.startswith(inner)):
                continue
            if entry.is_symlink() and not self._followed(name):
                continue
            if entry.is_dir():
                if not (entry.is_symlink() and self._leads_back(name)):
                    yield from self._below(inner, prefix)
            elif name.startswith(prefix) and entry.is_file():
                with suppress(FileNotFoundError):  # it has vanished since
                    yield self._listed(name, entry.stat())

    def _entries(self, folder: str) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / folder) as entries:
                yield from entries
        except FileNotFoundError:
            return  # it has vanished since the folder above it was read

    def _followed(self, name: str) -> Path | None:
        """Where a name below the folder really leads, which must be in it; None for nowhere."""
        path = self.root / name
        try:
            found = Path(os.path.realpath(path, strict=True))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise AirflowFailException(
                f"The link {path} leads to itself, by itself or by others. Remove it."
            ) from error
        if not found.is_relative_to(self._really):
            raise AirflowFailException(
                f"{path} leads to {found}, outside the source folder {self.root}, and only what is "
                "in it is read. Put the files there; or set the variable sparkify_source to a "
                "folder that holds them all, and sparkify_partition and sparkify_songs to where in "
                "it they are."
            )
        return found

    @cached_property
    def _really(self) -> Path:
        return self.root.resolve()

    def _leads_back(self, link: str) -> bool:
        """Whether a link names a folder that it is in itself: following it would never end."""
        target = (self.root / link).resolve()
        return any((self.root / above).resolve() == target for above in Path(link).parents)

    def _listed(self, name: str, stat: os.stat_result) -> SourceFile:
        url = f"{self.url}/{quote(os.fsencode(name))}"
        return SourceFile(name, url, stat.st_size, f"{stat.st_mtime_ns}-{stat.st_size}")

    def write(self, name: str, content: bytes, content_type: str = "") -> None:  # noqa: ARG002 - S3's
        """Put a file into the folder, whole or not at all; the folder is made if need be."""
        path = self.root / name
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        with _explained(f"{path} cannot be written"):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                unfinished.write_bytes(content)
                unfinished.replace(path)
            except OSError:
                with suppress(OSError):
                    unfinished.unlink()
                raise

    def written_at(self, name: str) -> datetime | None:
        """The moment at which a file was written, if it is there."""
        try:
            return datetime.fromtimestamp((self.root / name).stat().st_mtime, UTC)
        except FileNotFoundError:
            return None

    @cached_property
    def url(self) -> str:
        """The folder, without a slash at its end."""
        return self.root.as_uri().rstrip("/")

    def open(self, file: SourceFile) -> BinaryIO:
        """The file's bytes."""
        path = f"{self._path}/{file.name}"
        try:
            return cast("BinaryIO", _Descriptor(path, file.size))
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
        # It is a link, and may have become one since it was listed.
        if not (found := self._followed(file.name)):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return cast("BinaryIO", _Descriptor(str(found), file.size))

    @cached_property
    def _path(self) -> str:
        return str(self.root)


class _Descriptor:
    """
    An open file as the system has it.

    Python's own file objects take several times as long to open: thousands of small files are
    mostly that.

    :param path: its name, which must be no link
    :param size: how long it was when it was listed
    """

    def __init__(self, path: str, size: int) -> None:
        self._number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self._expected = size

    def read(self, size: int) -> bytes:
        """So many bytes; fewer are the last."""
        piece = os.read(self._number, size)
        pieces = [piece]
        # A file system may give fewer although there are more.
        while piece and (size := size - len(piece)):
            piece = os.read(self._number, size)
            pieces.append(piece)
        read = b"".join(pieces)
        self._expected -= len(read)
        if not piece and self._expected > 0:
            # Who writes it anew may be half-way: what is missing comes, or is listed as missing.
            raise OSError(errno.ESTALE, "it has become shorter since it was listed")
        return read

    def close(self) -> None:
        """Give it back."""
        os.close(self._number)


LASTING = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.ENAMETOOLONG})
"""What the system says no to, and does again until somebody changes something."""


def may_pass(error: Exception) -> bool:
    """Whether the next try may succeed: the system, not the content, is what failed this one."""
    return isinstance(error, OSError) and error.errno is not None and error.errno not in LASTING


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Say what an error of the system means; one that may pass is worth another try."""
    try:
        yield
    except OSError as error:
        if may_pass(error):
            raise AirflowException(f"{what} ({error}). The task is tried again.") from error
        raise AirflowFailException(
            f"{what} ({error}). Give the account that runs the tasks access to it, or name another "
            "folder."
        ) from error
