"""A lock that allows one ``make run`` and one ``make bench`` per project at a time."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from local.terminal.errors import UserError


@contextmanager
def single_instance(file: Path, command: str = "make run") -> Iterator[None]:
    """Hold the lock, or raise if another process does; the kernel releases it with the process."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+") as stream:
        try:
            flock(stream, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            raise UserError(
                f"Another `{command}` is already running here (process {stream.read().strip()}). "
                "Use that one, stop it with Ctrl-C in its terminal, or run `make stop`."
            ) from None
        stream.truncate(0)
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        yield


def stop_holder(file: Path, patience: float = 30.0) -> None:
    """Terminate the process that holds the lock and wait until it is gone."""
    deadline = time.monotonic() + patience
    while pid := _holder(file):
        if time.monotonic() > deadline:
            raise UserError(f"`make run` (process {pid}) does not stop. Kill it: kill -9 {pid}")
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        _wait_for(file, seconds=patience / 2)


def _wait_for(file: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while _holder(file) and time.monotonic() < deadline:
        time.sleep(0.1)


def _holder(file: Path) -> int | None:
    if not file.exists():
        return None
    with file.open() as stream:
        try:
            flock(stream, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return int(stream.read() or 0) or None
    return None
