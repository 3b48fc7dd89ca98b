"""The embedded PostgreSQL: one server in one folder, reached by a unix socket only."""

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

from local.servers.programs import call, make_private
from local.terminal.errors import Trouble, last_lines
from local.terminal.signals import held

USER = "sparkify"
METADATA = "airflow"
BEHIND_REDSHIFT = "_redshift"
"""What is added to a warehouse's name where the stand-in for Redshift has its tables."""
OWN = "of the local deployment"
"""The description of connections that were made here, and are nobody's own to give."""

SOCKET_NAME = ".s.PGSQL.5432"
# The length of sun_path, less its closing NUL, on the tightest system (macOS).
LONGEST_SOCKET_PATH = 103

# One more than the largest process id that Linux can give.
NOBODY = 2**22 + 1

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    # Nothing replicates from a laptop, so bulk loads may skip half their log.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    # Airflow's many short queries are slower compiled than run.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

# As root, the server's account is not its own: by default its sessions share memory under /dev/shm.
SHARED_ACCOUNT = {"dynamic_shared_memory_type": "mmap"}


class EmbeddedPostgres:
    """
    A PostgreSQL server that outlives the process that started it.

    :param folder: holds the data, the log and, where the path is short enough, the socket
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"

    @property
    def socket_folder(self) -> Path:
        """The folder of the unix socket, which is what PGHOST is set to."""
        if len(os.fsencode(self.folder / SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
            return self.folder
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"sparkify-{name}"

    def uri(self, database: str, scheme: str = "postgresql") -> str:
        """The address of a database, as libpq and SQLAlchemy understand it."""
        return f"{scheme}://{USER}@/{quote(database)}?host={quote(str(self.socket_folder))}"

    def connection(self, database: str) -> str:
        """An Airflow connection to a database, as an environment variable holds it."""
        host = str(self.socket_folder)
        fields = {"conn_type": "postgres", "host": host, "login": USER, "schema": database}
        return json.dumps(fields | {"description": OWN})

    def start(self) -> None:
        """Start the server, making the cluster and Airflow's database where there are none."""
        with held():
            self._start()

    def _start(self) -> None:
        if self.is_running():
            return
        self._own_folders()
        if not self.data.exists():
            self._make_cluster()
        self._launch()
        self.make_database(METADATA)

    def stop(self, patience: float = 30.0) -> None:
        """End the server and wait until it is gone; sessions still open are ended with it."""
        pid = self.pid()
        if pid is None or not self.is_running():
            return
        # The second order is not as polite as the first.
        for order in (signal.SIGINT, signal.SIGQUIT):
            os.kill(pid, order)
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
        """Whether the server accepts connections on its socket."""
        if not self._is_own():
            return False
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket_folder / SOCKET_NAME)) == 0

    def _is_own(self) -> bool:
        """Whether the socket's folder is this user's: another may make one in /tmp, and listen."""
        if self.socket_folder == self.folder:
            return True
        with suppress(FileNotFoundError):
            return self.socket_folder.lstat().st_uid == os.geteuid()
        return False

    def pid(self) -> int | None:
        """The server's process id as it wrote it down, or None."""
        try:
            return int(self._postmaster_file.read_text().split("\n", 1)[0])
        except FileNotFoundError:
            return None

    @property
    def _postmaster_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _own_folders(self) -> None:
        if self.socket_folder.exists() and not self._is_own():
            raise Trouble(
                f"{self.socket_folder} is another user's: have it removed, then try again."
            )
        # Whoever reaches the socket is let in, so nobody else may reach it.
        make_private(self.folder, self.socket_folder)

    def _launch(self, patience: float = 10.0) -> None:
        options = ["-k", str(self.socket_folder)]
        for name, value in (SETTINGS | (SHARED_ACCOUNT if os.geteuid() == 0 else {})).items():
            options += ["-c", f"{name}={value}"]
        log = ["-l", str(self.log), "-o", shlex.join(options)]
        deadline = time.monotonic() + patience
        while True:
            self._give_up_the_dead()
            try:
                call(self.folder, "pg_ctl", "start", "-w", "-D", str(self.data), *log)
                return
            except Trouble as trouble:
                text = self.log.read_text(errors="replace") if self.log.exists() else ""
                said = last_lines(text) or f"nothing. {trouble}"
                # What is left of a server that was killed takes a moment to go.
                going = "still in use" in said or "already exists" in said
                if not going or time.monotonic() > deadline:
                    raise Trouble(
                        f"PostgreSQL does not start; its log {self.log} ends with:\n{said}"
                    ) from None
            time.sleep(0.2)

    def _give_up_the_dead(self) -> None:
        """
        Make PostgreSQL see that a killed server is dead where nothing reaps orphans.

        Its lock files name a zombie there, which can be signalled like a live process. Only the
        process id is changed: by the rest PostgreSQL finds out whether its memory is still in use.
        """
        pid = self.pid()
        if pid is None or not _is_zombie(pid):
            return
        for file in (self._postmaster_file, self.socket_folder / f"{SOCKET_NAME}.lock"):
            if file.exists():
                first, rest = file.read_text().split("\n", 1)
                if first == str(pid):
                    file.write_text(f"{NOBODY}\n{rest}")

    def _make_cluster(self) -> None:
        # A cluster half made by an interrupted start must not be taken for one.
        unfinished = self.folder / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        form = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        form += ["--builtin-locale=C.UTF-8", "--auth=trust", f"--username={USER}"]
        call(self.folder, "initdb", f"--pgdata={unfinished}", *form)
        unfinished.rename(self.data)

    def make_database(self, name: str, comment: str = "") -> None:
        """Make a database where there is none of this name; the comment is for who lists them."""
        with held(), closing(psycopg.connect(self.uri("postgres"), autocommit=True)) as client:
            if client.execute("select from pg_database where datname = %s", [name]).rowcount == 0:
                client.execute(SQL("create database {}").format(Identifier(name)))
            client.execute(
                SQL("comment on database {} is {}").format(Identifier(name), Literal(comment))
            )


def _is_zombie(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    return False
