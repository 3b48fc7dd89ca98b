"""The deployment's processes: start, watch and stop them."""

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

from local.terminal.errors import UserError, last_lines
from local.terminal.signals import defer_signals

PATIENCE = 8.0


@dataclass(frozen=True)
class Leader:
    """A session leader. Its pid alone does not identify it, because pids are reused."""

    name: str
    pid: int
    started: float
    folder: str


class Services:
    """
    Processes that stop together, even if another program stops them.

    :param record: file that lists the processes
    :param logs: folder of their logs, one file each
    """

    def __init__(self, record: Path, logs: Path) -> None:
        self.record = record
        self.logs = logs
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        """Start a process in its own session, which the terminal's Ctrl-C does not reach."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with defer_signals(), self.log(name).open("wb") as log:
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
        """Return the log of a process."""
        return self.logs / f"{name}.log"

    def finished(self, name: str) -> bool:
        """Return whether a process has finished; raise if it failed."""
        status = self._children[name].poll()
        if status is None:
            return False
        if status:
            raise self.failure(name, f"failed (exit status {status})")
        del self._children[name]
        self._write(leader for leader in self._recorded() if leader.name != name)
        return True

    def check(self) -> None:
        """Raise if a process has exited that should still run."""
        for name, child in self._children.items():
            if child.poll() is not None:
                raise self.failure(name, "exited unexpectedly")

    def running(self) -> dict[str, int]:
        """Return the pids of the processes that this program started and that still run."""
        return {name: child.pid for name, child in self._children.items() if child.poll() is None}

    def any(self) -> bool:
        """Return whether any process is recorded, by this program or an earlier one."""
        return self.record.exists()

    def stop(self, patience: float = PATIENCE) -> None:
        """Terminate every recorded process and its descendants; kill those that ignore it."""
        leaders = self._recorded()
        _signal(_members(leaders), signal.SIGTERM)
        deadline = time.monotonic() + patience
        while _members(leaders) and time.monotonic() < deadline:
            time.sleep(0.05)
        while remaining := _members(leaders):
            _signal(remaining, signal.SIGKILL)
            time.sleep(0.05)
        for child in self._children.values():
            child.wait()
        self._children.clear()
        self.record.unlink(missing_ok=True)

    def failure(self, name: str, what: str) -> UserError:
        """Describe why a process is not running, with the end of its log."""
        log = self.log(name)
        return UserError(
            f"{name} {what}. Its log {log} ends with:\n"
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
    """Find the live processes of the sessions: tasks leave the group, but not the session."""
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
    """Return whether a session is the leader's, not one of a later process with its pid."""
    try:
        # With tolerance: the clock may have been adjusted since.
        return bool(abs(psutil.Process(leader.pid).create_time() - leader.started) < 2)
    except psutil.NoSuchProcess:
        # The leader is gone, but its children are still in its folder.
        return bool(process.cwd() == leader.folder)


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
