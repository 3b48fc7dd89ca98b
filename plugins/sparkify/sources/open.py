"""Open sources by URL, and find and read their files."""

import re
from bisect import bisect
from collections.abc import Iterator
from contextlib import suppress
from gzip import BadGzipFile, GzipFile
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import unquote, urlsplit

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from sparkify.sources.base import Source, SourceFile
from sparkify.sources.folder import FolderSource
from sparkify.sources.globs import glob_expression, literal_prefix

if TYPE_CHECKING:
    from sparkify.sources.bucket import BucketSource

LISTED_AT_MOST = 1000
"""Files of a folder among which names close to a missing one are looked for."""

SHOWN_NAMES = 3


def open_source(url: str, setting: str = "source") -> "FolderSource | BucketSource":
    """Open the source, or another location of files, that a setting gives as a URL."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        # Not parts.path: a folder's name may contain "?" or "#".
        path = unquote(url.split(":", 1)[1].removeprefix("//").removeprefix("localhost"))
        if path.startswith("/"):
            return FolderSource(Path(path))
    if parts.scheme == "s3" and parts.netloc:
        # Imported here, because the AWS client is slow to import.
        from sparkify.sources.bucket import BucketSource

        prefix = url.split("://", 1)[1].partition("/")[2].strip("/")
        return BucketSource(parts.netloc, f"{prefix}/" if prefix else "")
    raise AirflowFailException(
        f"The {setting} {url!r} cannot be read. Set the variable sparkify_{setting} to a bucket, "
        "such as s3://my-bucket/sparkify, or to the absolute path of a folder, such as "
        "file:///srv/sparkify"
    )


def find(source: Source, pattern: str) -> list[SourceFile]:
    """Return the files that match a glob (``**`` for any folders), sorted by name."""
    return sorted(matching(source, pattern))


def matching(source: Source, pattern: str) -> Iterator[SourceFile]:
    """Yield the files that match a glob as they are listed, in any order."""
    prefix = literal_prefix(pattern)
    # A year is 365 patterns that each name one file: compiling them takes longer than listing.
    is_name = prefix == pattern
    matches = (
        prefix.__eq__ if is_name else re.compile(glob_expression(pattern), re.DOTALL).fullmatch
    )
    for file in source.list(prefix):
        if not matches(file.name):
            continue
        if not file.name.isascii() and not _is_utf8(file.name):
            raise AirflowFailException(
                f"The name of the file {file.url} is not UTF-8, so no table can hold it. Rename it."
            )
        yield file


def nearby_names(source: Source, pattern: str) -> list[str]:
    """Return a few existing names close to a glob that matches nothing, to help fix it."""
    wanted = literal_prefix(pattern)
    folders = [wanted[: place + 1] for place, letter in enumerate(wanted) if letter == "/"]
    for folder in ("", *folders)[::-1]:
        # An error in a folder that nobody asked for is no reason to fail.
        with suppress(AirflowException):
            if names := sorted(file.name for file in islice(source.list(folder), LISTED_AT_MOST)):
                return names[max(0, bisect(names, wanted) - 2) :][:SHOWN_NAMES]
    return []


def _is_utf8(name: str) -> bool:
    return name.encode("utf-8", "surrogateescape") == name.encode("utf-8", "replace")


def read(source: Source, file: SourceFile) -> BinaryIO:
    """Open a file, decompressing it if its name ends in ``.gz``."""
    stored = source.open(file)
    is_compressed = file.name.endswith(".gz")
    return cast("BinaryIO", Uncompressed(stored, file.size)) if is_compressed else stored


ANY_RATIO = 16 << 20
"""Bytes to which any compressed file may expand."""

RATIO = 200
"""How many times its size a file may expand to beyond that: logs rarely reach 50, gzip's most is
1,032."""


class Uncompressed(GzipFile):
    """
    The content of a compressed file; closing it closes the file too.

    :param size: size of the compressed file
    """

    def __init__(self, stored: BinaryIO, size: int) -> None:
        super().__init__(fileobj=stored)
        self._stored = stored
        self._most = max(ANY_RATIO, RATIO * size)
        self._unpacked = 0

    def read(self, size: int | None = -1) -> bytes:
        """Read this many bytes; raise BadGzipFile if the file expands to absurdly many."""
        piece = super().read(size)
        self._unpacked += len(piece)
        if self._unpacked > self._most:
            raise BadGzipFile(
                f"it unpacks to more than {self._most >> 20} MB, which no log does; if it is "
                "correct, replace it by the unpacked file"
            )
        return piece

    def close(self) -> None:
        """Close this and the compressed file."""
        super().close()
        self._stored.close()
