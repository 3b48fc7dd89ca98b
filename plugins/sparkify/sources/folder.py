"""A source in a local folder."""

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

from sparkify.sources.base import SourceFile, is_transient


@dataclass(frozen=True)
class FolderSource:
    """The files under a local folder."""

    root: Path
    readers: int = 2

    def list(self, prefix: str) -> Iterator[SourceFile]:
        """
        Yield every file whose name, relative to the folder, begins with ``prefix``.

        Links are followed inside the folder. One that leads out of it is an error, since whoever
        may write here need not be allowed to read there.
        """
        folder = prefix[: prefix.rfind("/") + 1]
        with _explain_errors(f"The folder {self.root / folder} cannot be listed"):
            if not self.root.is_dir():
                # It may be a mount that comes back.
                raise AirflowException(
                    f"The source folder {self.root} does not exist on this machine. Set the "
                    "variable sparkify_source to the folder that holds log_data and song_data. "
                    "Airflow retries the task."
                )
            if self._resolve(folder) and (self.root / folder).is_dir():
                yield from self._walk(folder, prefix)

    def _walk(self, folder: str, prefix: str) -> Iterator[SourceFile]:
        """Yield the files under a folder, whose name ends in a slash unless it is the root."""
        for entry in self._entries(folder):
            name = folder + entry.name
            inner = f"{name}/"
            if not (inner.startswith(prefix) or prefix.startswith(inner)):
                continue
            if entry.is_symlink() and not self._resolve(name):
                continue
            if entry.is_dir():
                if not (entry.is_symlink() and self._is_cycle(name)):
                    yield from self._walk(inner, prefix)
            elif name.startswith(prefix) and entry.is_file():
                with suppress(FileNotFoundError):  # deleted meanwhile
                    yield self._source_file(name, entry.stat())

    def _entries(self, folder: str) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / folder) as entries:
                yield from entries
        except FileNotFoundError:
            return  # deleted since its parent was read

    def _resolve(self, name: str) -> Path | None:
        """Resolve a name to its real path, which must be in the folder; None if there is none."""
        path = self.root / name
        try:
            found = Path(os.path.realpath(path, strict=True))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise AirflowFailException(
                f"The link {path} leads back to itself, directly or through others. Remove it."
            ) from error
        if not found.is_relative_to(self._real_root):
            raise AirflowFailException(
                f"{path} leads to {found}, outside the source folder {self.root}, and only files "
                "inside it are read. Move them there; or set the variable sparkify_source to a "
                "folder that holds them all, and sparkify_partition and sparkify_songs to their "
                "paths in it."
            )
        return found

    @cached_property
    def _real_root(self) -> Path:
        return self.root.resolve()

    def _is_cycle(self, link: str) -> bool:
        """Whether a link leads to a folder that contains it, so that following it never ends."""
        target = (self.root / link).resolve()
        return any((self.root / above).resolve() == target for above in Path(link).parents)

    def _source_file(self, name: str, stat: os.stat_result) -> SourceFile:
        url = f"{self.url}/{quote(os.fsencode(name))}"
        return SourceFile(name, url, stat.st_size, f"{stat.st_mtime_ns}-{stat.st_size}")

    def write(self, name: str, content: bytes, content_type: str = "") -> None:  # noqa: ARG002 - S3's
        """Write a file atomically, creating its folder if necessary."""
        path = self.root / name
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        with _explain_errors(f"{path} cannot be written"):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                unfinished.write_bytes(content)
                unfinished.replace(path)
            except OSError:
                with suppress(OSError):
                    unfinished.unlink()
                raise

    def written_at(self, name: str) -> datetime | None:
        """Return when a file was written, or None if it does not exist."""
        try:
            return datetime.fromtimestamp((self.root / name).stat().st_mtime, UTC)
        except FileNotFoundError:
            return None

    @cached_property
    def url(self) -> str:
        """The folder as a URL without a trailing slash."""
        return self.root.as_uri().rstrip("/")

    def open(self, file: SourceFile) -> BinaryIO:
        """Open a file."""
        path = f"{self._path}/{file.name}"
        try:
            return cast("BinaryIO", _Descriptor(path, file.size))
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
        # A link, possibly one that replaced the file since it was listed.
        if not (found := self._resolve(file.name)):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return cast("BinaryIO", _Descriptor(str(found), file.size))

    @cached_property
    def _path(self) -> str:
        return str(self.root)


class _Descriptor:
    """
    A file descriptor.

    Python's own file objects take several times as long to open, which is most of the time that
    thousands of small files take.

    :param path: path of the file, which must not be a link
    :param size: size of the file when it was listed
    """

    def __init__(self, path: str, size: int) -> None:
        self._number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self._expected = size

    def read(self, size: int) -> bytes:
        """Read this many bytes; fewer mean the end of the file."""
        piece = os.read(self._number, size)
        pieces = [piece]
        # A file system may return fewer bytes before the end.
        while piece and (size := size - len(piece)):
            piece = os.read(self._number, size)
            pieces.append(piece)
        read = b"".join(pieces)
        self._expected -= len(read)
        if not piece and self._expected > 0:
            # It may be being rewritten: on a retry it is complete, or listed as shorter.
            raise OSError(errno.ESTALE, "it has become shorter since it was listed")
        return read

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._number)


@contextmanager
def _explain_errors(what: str) -> Iterator[None]:
    """Translate the system's errors: fail for permanent ones, let Airflow retry the others."""
    try:
        yield
    except OSError as error:
        if is_transient(error):
            raise AirflowException(f"{what} ({error}). Airflow retries the task.") from error
        raise AirflowFailException(
            f"{what} ({error}). Give the account that runs the tasks access to it, or set another "
            "folder."
        ) from error
