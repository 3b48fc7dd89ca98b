"""The long-running processes of the deployment: started, watched, and ended to the last one."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from local.terminal.errors import Trouble, last_lines
from local.terminal.signals import held

PATIENCE = 8.0


@dataclass(frozen=True)
class Leader:
    """A process that leads a session of its own; its number alone may come again."""

    name: str
    pid: int
    started: float
    folder: str


class Services:
    """
    Processes that end together, also when it is another program that ends them.

    :param record: the file in which they are written down
    :param logs: the folder of their logs, one file each
    """

    def __init__(self, record: Path, logs: Path) -> None:
        self.record = record
        self.logs = logs
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        """Start a process in a session of its own, so that the terminal's Ctrl-C passes it by."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with held(), self.log(name).open("wb") as log:
            child = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._children[name] = child
            started = psutil.Process(child.pid).create_time()
            self._write([*self._recorded(), Leader(name, child.pid, started, str(Path.cwd()))])

    def log(self, name: str) -> Path:
        """The log of a process."""
        return self.logs / f"{name}.log"

    def finished(self, name: str) -> bool:
        """Whether a process has done its work; one that failed is trouble."""
        status = self._children[name].poll()
        if status is None:
            return False
        if status:
            raise self.failure(name, f"failed (exit status {status})")
        del self._children[name]
        self._write(leader for leader in self._recorded() if leader.name != name)
        return True

    def check(self) -> None:
        """Trouble if a process that should still run has ended."""
        for name, child in self._children.items():
            if child.poll() is not None:
                raise self.failure(name, "ended by itself")

    def running(self) -> dict[str, int]:
        """The processes that this program started and that still run, with their numbers."""
        return {name: child.pid for name, child in self._children.items() if child.poll() is None}

    def any(self) -> bool:
        """Whether there is a process to end, of this program's or of one before it."""
        return self.record.exists()

    def end(self, patience: float = PATIENCE) -> None:
        """End every recorded process with all it started; whoever does not listen is killed."""
        leaders = self._recorded()
        _signal(_members(leaders), signal.SIGTERM)
        deadline = time.monotonic() + patience
        while _members(leaders) and time.monotonic() < deadline:
            time.sleep(0.05)
        while left := _members(leaders):
            _signal(left, signal.SIGKILL)
            time.sleep(0.05)
        for child in self._children.values():
            child.wait()
        self._children.clear()
        self.record.unlink(missing_ok=True)

    def failure(self, name: str, what: str) -> Trouble:
        """What a process that should not have ended said last."""
        log = self.log(name)
        return Trouble(
            f"{name} {what}. Its log is {log} and ends with:\n"
            f"{last_lines(log.read_text(errors='replace'))}"
        )

    def _recorded(self) -> list[Leader]:
        if not self.record.exists():
            return []
        return [Leader(**fields) for fields in json.loads(self.record.read_text())]

    def _write(self, leaders: Iterable[Leader]) -> None:
        unfinished = self.record.with_suffix(".unfinished")
        unfinished.write_text(json.dumps([asdict(leader) for leader in leaders], indent=2))
        unfinished.replace(self.record)


def _members(leaders: Iterable[Leader]) -> list[psutil.Process]:
    """Every live process of the leaders' sessions: tasks leave the group, but not the session."""
    by_pid = {leader.pid: leader for leader in leaders}
    found = []
    for pid in psutil.pids():
        with suppress(ProcessLookupError, PermissionError, psutil.Error):
            leader = by_pid.get(os.getsid(pid))
            process = psutil.Process(pid)
            if leader and _is_ours(process, leader) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _is_ours(process: psutil.Process, leader: Leader) -> bool:
    """Whether a session is the leader's own, and not one that a later namesake began."""
    try:
        # Not to the digit: the clock that start times are told by may have been set since.
        return bool(abs(psutil.Process(leader.pid).create_time() - leader.started) < 2)
    except psutil.NoSuchProcess:
        # The leader is gone: its children are still where it started them.
        return bool(process.cwd() == leader.folder)


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
