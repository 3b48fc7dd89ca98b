"""The embedded PostgreSQL: one server per folder, reachable through a Unix socket only."""

import hashlib
import json
import os
import shlex
import shutil
import signal
import socket
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg.sql import SQL, Identifier, Literal

from local.servers.programs import make_private, run_program
from local.terminal.errors import UserError, last_lines
from local.terminal.signals import defer_signals

USER = "sparkify"
METADATA = "airflow"
STAND_IN_SUFFIX = "_redshift"
"""Suffix of the databases behind the stand-in for Redshift."""
MANAGED = "of the local deployment"
"""Description of the connections that the local deployment sets itself."""

SOCKET_NAME = ".s.PGSQL.5432"
# The length of sun_path without its NUL on the strictest system (macOS).
LONGEST_SOCKET_PATH = 103

# One more than the largest process id that Linux can give.
UNUSED_PID = 2**22 + 1

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    # There is no replication, so bulk loads may skip half of their WAL.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    # Compiling Airflow's many short queries takes longer than running them.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

# Under root, the server's account is not its own, and /dev/shm would expose its shared memory.
SHARED_ACCOUNT = {"dynamic_shared_memory_type": "mmap"}


class EmbeddedPostgres:
    """
    A PostgreSQL server that outlives the process that started it.

    :param folder: holds the data, the log and, if the path is short enough, the socket
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"

    @property
    def socket_folder(self) -> Path:
        """The folder of the Unix socket, for PGHOST."""
        if len(os.fsencode(self.folder / SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
            return self.folder
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"sparkify-{name}"

    def uri(self, database: str, scheme: str = "postgresql") -> str:
        """Return a database's URI for libpq and SQLAlchemy."""
        return f"{scheme}://{USER}@/{quote(database)}?host={quote(str(self.socket_folder))}"

    def connection(self, database: str) -> str:
        """Return an Airflow connection to a database, as the value of an environment variable."""
        host = str(self.socket_folder)
        fields = {"conn_type": "postgres", "host": host, "login": USER, "schema": database}
        return json.dumps(fields | {"description": MANAGED})

    def start(self) -> None:
        """Start the server; create the cluster and Airflow's database if they do not exist."""
        with defer_signals():
            self._start()

    def _start(self) -> None:
        if self.is_running():
            return
        self._prepare_folders()
        if not self.data.exists():
            self._create_cluster()
        self._launch()
        self.create_database(METADATA)

    def stop(self, patience: float = 30.0) -> None:
        """Stop the server with its open sessions and wait until it is gone."""
        pid = self.pid()
        if pid is None or not self.is_running():
            return
        # Fast shutdown first, then immediate.
        for number in (signal.SIGINT, signal.SIGQUIT):
            os.kill(pid, number)
            if self._is_gone(patience):
                break
        if self.socket_folder != self.folder:
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    def _is_gone(self, patience: float) -> bool:
        deadline = time.monotonic() + patience
        while self._postmaster_file.exists():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def is_running(self) -> bool:
        """Return whether the server accepts connections on its socket."""
        if not self._owns_socket_folder():
            return False
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket_folder / SOCKET_NAME)) == 0

    def _owns_socket_folder(self) -> bool:
        """Return whether the socket folder is this user's; in /tmp, anyone may create one."""
        if self.socket_folder == self.folder:
            return True
        with suppress(FileNotFoundError):
            return self.socket_folder.lstat().st_uid == os.geteuid()
        return False

    def pid(self) -> int | None:
        """Return the pid that the server recorded, or None."""
        try:
            return int(self._postmaster_file.read_text().split("\n", 1)[0])
        except FileNotFoundError:
            return None

    @property
    def _postmaster_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _prepare_folders(self) -> None:
        if self.socket_folder.exists() and not self._owns_socket_folder():
            raise UserError(
                f"{self.socket_folder} belongs to another user: have it removed, then try again."
            )
        # The server trusts everyone who can reach the socket.
        make_private(self.folder, self.socket_folder)

    def _launch(self, patience: float = 10.0) -> None:
        options = ["-k", str(self.socket_folder)]
        for name, value in (SETTINGS | (SHARED_ACCOUNT if os.geteuid() == 0 else {})).items():
            options += ["-c", f"{name}={value}"]
        log = ["-l", str(self.log), "-o", shlex.join(options)]
        deadline = time.monotonic() + patience
        while True:
            self._clear_zombie_locks()
            try:
                run_program(self.folder, "pg_ctl", "start", "-w", "-D", str(self.data), *log)
                return
            except UserError as error:
                text = self.log.read_text(errors="replace") if self.log.exists() else ""
                messages = last_lines(text) or f"nothing. {error}"
                # The remains of a killed server take a moment to disappear.
                retry = "still in use" in messages or "already exists" in messages
                if not retry or time.monotonic() > deadline:
                    raise UserError(
                        f"PostgreSQL does not start; its log {self.log} ends with:\n{messages}"
                    ) from None
            time.sleep(0.2)

    def _clear_zombie_locks(self) -> None:
        """
        Let PostgreSQL see that a killed server is dead on a system that does not reap orphans.

        Its lock files name a zombie, which can be signalled like a live process. Only the pid is
        replaced: PostgreSQL needs the rest to find out whether the shared memory is still in use.
        """
        pid = self.pid()
        if pid is None or not _is_zombie(pid):
            return
        for file in (self._postmaster_file, self.socket_folder / f"{SOCKET_NAME}.lock"):
            if file.exists():
                first, rest = file.read_text().split("\n", 1)
                if first == str(pid):
                    file.write_text(f"{UNUSED_PID}\n{rest}")

    def _create_cluster(self) -> None:
        # Renamed when complete, so that an interrupted start leaves no partial cluster.
        unfinished = self.folder / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        options = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        options += ["--builtin-locale=C.UTF-8", "--auth=trust", f"--username={USER}"]
        run_program(self.folder, "initdb", f"--pgdata={unfinished}", *options)
        unfinished.rename(self.data)

    def create_database(self, name: str, comment: str = "") -> None:
        """Create a database unless it exists; the comment shows up in listings."""
        with (
            defer_signals(),
            closing(psycopg.connect(self.uri("postgres"), autocommit=True)) as client,
        ):
            if client.execute("select from pg_database where datname = %s", [name]).rowcount == 0:
                client.execute(SQL("create database {}").format(Identifier(name)))
            client.execute(
                SQL("comment on database {} is {}").format(Identifier(name), Literal(comment))
            )


def _is_zombie(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    return False
