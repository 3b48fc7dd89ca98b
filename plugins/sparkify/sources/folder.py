"""A source in a folder of this machine."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import quote

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from sparkify.sources.base import SourceFile, may_pass


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
