"""The embedded PostgreSQL: one server per folder, on a Unix socket and, if asked to, on TCP."""

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

HOST = "127.0.0.1"
READER = "sparkify_bi"
"""The only user that TCP admits, and only with a password; may select, nothing else."""

# Written at every start: initdb's would trust everyone on this machine. Airflow's database holds
# connections, so it is closed to the reader altogether.
ACCESS = f"""\
local all all trust
host {METADATA} all {HOST}/32 reject
host all {READER} {HOST}/32 scram-sha-256
"""

SOCKET_PREFIX = ".s.PGSQL."
SOCKET_NAME = f"{SOCKET_PREFIX}5432"
LONGEST_SOCKET_NAME = f"{SOCKET_PREFIX}65535"
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
    :param tcp_port: the port on 127.0.0.1 for the reader; by default, the server is not on TCP
    """

    def __init__(self, folder: Path, tcp_port: int | None = None) -> None:
        self.folder = folder.resolve()
        self.tcp_port = tcp_port
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"

    @property
    def socket_folder(self) -> Path:
        """The folder of the Unix socket, for PGHOST."""
        if len(os.fsencode(self.folder / LONGEST_SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
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
        """
        Start the server; create the cluster and Airflow's database if they do not exist.

        A running server is restarted if it is not on the TCP port that it should be on.
        """
        with defer_signals():
            self._start()

    def _start(self) -> None:
        if self.is_running():
            if self.open_port() == self.tcp_port:
                return
            self.stop()
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

    def open_port(self) -> int | None:
        """Return the TCP port of the running server, or None."""
        if not self.is_running():
            return None
        _, _, _, port, _, address, *_ = self._postmaster_file.read_text().split("\n")
        return int(port) if address else None

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
        (self.data / "pg_hba.conf").write_text(ACCESS)
        options = ["-k", str(self.socket_folder)]
        for name, value in self._settings().items():
            options += ["-c", f"{name}={value}"]
        log = ["-l", str(self.log), "-o", shlex.join(options)]
        deadline = time.monotonic() + patience
        while True:
            self._clear_zombie_locks()
            try:
                run_program(self.folder, "pg_ctl", "start", "-w", "-D", str(self.data), *log)
                self._link_socket()
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

    def _settings(self) -> dict[str, str]:
        account = SHARED_ACCOUNT if os.geteuid() == 0 else {}
        tcp = {"listen_addresses": HOST, "port": str(self.tcp_port)} if self.tcp_port else {}
        return SETTINGS | account | tcp

    def _link_socket(self) -> None:
        """Let clients find the socket by its usual name, though it is named after the TCP port."""
        named, usual = f"{SOCKET_PREFIX}{self.tcp_port}", self.socket_folder / SOCKET_NAME
        if self.tcp_port and named != SOCKET_NAME:
            usual.unlink(missing_ok=True)
            usual.symlink_to(named)

    def _clear_zombie_locks(self) -> None:
        """
        Let PostgreSQL see that a killed server is dead on a system that does not reap orphans.

        Its lock files name a zombie, which can be signalled like a live process. Only the pid is
        replaced: PostgreSQL needs the rest to find out whether the shared memory is still in use.
        """
        pid = self.pid()
        if pid is None or not _is_zombie(pid):
            return
        locks = self.socket_folder.glob(f"{SOCKET_PREFIX}*.lock")
        for file in (self._postmaster_file, *locks):
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

    def admit_reader(self, database: str, password: str) -> None:
        """Let the reader select from all that a database holds now or later."""
        with closing(psycopg.connect(self.uri(database))) as client, client:
            if client.execute("select from pg_roles where rolname = %s", [READER]).rowcount == 0:
                client.execute(SQL("create role {}").format(Identifier(READER)))
            # Encrypted here, so that no log can show it.
            secret = client.pgconn.encrypt_password(
                password.encode(), READER.encode(), b"scram-sha-256"
            )
            for statement, *values in (
                ("alter role {} login password {}", Literal(secret.decode())),
                ("grant usage on schema public to {}",),
                ("grant select on all tables in schema public to {}",),
                ("alter default privileges in schema public grant select on tables to {}",),
            ):
                client.execute(SQL(statement).format(Identifier(READER), *values))


def _is_zombie(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    return False
