"""Open the source that a URL names, find files in it, and read them."""

import re
from bisect import bisect
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

LOOKED_AT = 1000
"""Files of a folder that are looked at for names near to one that is missing."""

SHOWN_NAMES = 3


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
