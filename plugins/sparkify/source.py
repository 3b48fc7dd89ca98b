"""A source of files: a folder, or a bucket, named by one URL."""

import gzip
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast
from urllib.parse import unquote, urlsplit

from airflow.sdk.exceptions import AirflowFailException


@dataclass(frozen=True)
class SourceFile:
    """One file as it was listed; ``etag`` changes whenever its content may have."""

    name: str
    url: str
    size: int
    etag: str


class Source(Protocol):
    """Where files are listed and read."""

    def list(self, prefix: str) -> Iterable[SourceFile]:
        """Every file whose name, relative to the source, begins with ``prefix``."""

    def open(self, file: SourceFile) -> BinaryIO:
        """The bytes of one file, as they are stored."""


def open_source(url: str) -> Source:
    """The source that a URL names."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return FolderSource(Path(unquote(parts.path)))
    raise AirflowFailException(
        f"The source {url!r} cannot be read. Set the variable sparkify_source to a folder, "
        "such as file:///srv/sparkify"
    )


def find(source: Source, pattern: str) -> list[SourceFile]:
    """The files that a glob names (``**`` for any folders), sorted by name."""
    matches = re.compile(glob_expression(pattern)).fullmatch
    files = source.list(literal_prefix(pattern))
    return sorted((file for file in files if matches(file.name)), key=lambda file: file.name)


def read(source: Source, file: SourceFile) -> BinaryIO:
    """The content of one file, uncompressed where its name ends in ``.gz``."""
    stored = source.open(file)
    if file.name.endswith(".gz"):
        return cast("BinaryIO", gzip.GzipFile(fileobj=stored))
    return stored


def literal_prefix(pattern: str) -> str:
    """What every name that the glob matches begins with."""
    return re.split(r"[*?\[]", pattern, maxsplit=1)[0]


def glob_expression(pattern: str) -> str:
    """The regular expression of a glob in which ``*`` stays inside one folder."""
    written = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return "".join(written.get(part) or re.escape(part) for part in parts)


@dataclass(frozen=True)
class FolderSource:
    """A folder of this machine."""

    root: Path

    def list(self, prefix: str) -> Iterator[SourceFile]:
        """Every file below the folder, by name; a folder that does not exist is an error."""
        if not self.root.is_dir():
            raise AirflowFailException(
                f"The source folder {self.root} does not exist on this machine. Set the variable "
                "sparkify_source to the folder that holds log_data and song_data."
            )
        start = self.root / prefix
        yield from self._below(start if prefix.endswith("/") else start.parent, prefix)

    def _below(self, folder: Path, prefix: str) -> Iterator[SourceFile]:
        if not folder.is_dir():
            return
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    yield from self._below(Path(entry.path), prefix)
                elif (name := os.path.relpath(entry.path, self.root)).startswith(prefix):
                    stat = entry.stat()
                    etag = f"{stat.st_mtime_ns}-{stat.st_size}"
                    yield SourceFile(name, Path(entry.path).as_uri(), stat.st_size, etag)

    def open(self, file: SourceFile) -> BinaryIO:
        """The file's bytes."""
        return (self.root / file.name).open("rb")
