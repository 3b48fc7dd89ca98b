"""The files of a simulated source."""

from datetime import date
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from local.simulator.catalogue import Catalogue
from local.simulator.faults import Batch, Lines
from local.simulator.ground_truth import Fault
from local.simulator.serialization import field_map, song_text

HELD_BACK = "late"


def create_folder(out: Path) -> None:
    """Create the output folder; raise if it has contents."""
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"{out} is a file: name a new or empty folder.")
    if out.is_dir() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty: name a new or empty folder.")
    out.mkdir(parents=True, exist_ok=True)


def write_field_map(out: Path) -> None:
    """Write the JSONPaths file."""
    _write(out / "log_json_path.json", field_map())


def write_songs(out: Path, catalogue: Catalogue) -> list[Fault]:
    """Write a file per song; those held back go to their own folder, to be moved in later."""
    faults = []
    for index, song in enumerate(catalogue.songs):
        held_back = index in catalogue.held_back
        path = f"{HELD_BACK}/{song.path}" if held_back else song.path
        _write(out / path, song_text(song.fields()))
        if held_back:
            faults.append(Fault("late-songs", path, 1, "held back"))
        if index in catalogue.numbered:
            faults.append(Fault("wrong-types", path, 1, "artist_name"))
    return faults


def _write(path: Path, text: str) -> None:
    """Write a file, creating its folder if necessary, which is rare."""
    try:
        path.write_bytes(text.encode("ascii"))
    except FileNotFoundError:
        path.parent.mkdir(parents=True)
        path.write_bytes(text.encode("ascii"))


class DayFile:
    """
    A file of a day's events, written hour by hour, without a trailing newline.

    :param out: the source's folder
    :param day: the UTC day
    """

    def __init__(self, out: Path, day: date) -> None:
        self.name = f"log_data/{day:%Y/%m}/{day}-events.json"
        self.lines = 0
        self.faults: list[Fault] = []
        self._path = out / self.name
        self._last_lines: list[Lines] = []

    def __enter__(self) -> "DayFile":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = self._path.open("wb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            for lines in self._last_lines:
                self._append(lines)
        finally:
            self._file.close()

    def write(self, batch: Batch) -> None:
        """Write an hour's lines; keep those for the end of the file until then."""
        self._append(batch.lines)
        self._last_lines.append(batch.last_lines)

    def _append(self, lines: Lines) -> None:
        if not lines.texts:
            return
        if self.lines:
            self._file.write(b"\n")
        self._file.write("\n".join(lines.texts).encode("ascii"))
        self.faults += [
            Fault(mark.kind, self.name, self.lines + mark.at + 1, mark.form) for mark in lines.marks
        ]
        self.lines += len(lines.texts)
