"""The stand-in's server: one thread per client."""

import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import NamedTuple

from local.redshift.isolation import History
from local.redshift.journal import Journal
from local.redshift.session import Session
from local.servers.postgres import MANAGED, EmbeddedPostgres
from local.servers.s3 import Storage

HOST = "127.0.0.1"


def connection(port: int, password: str, database: str) -> str:
    """Return an Airflow connection to a database, as the value of an environment variable."""
    return json.dumps(
        {
            "conn_type": "redshift",
            "host": HOST,
            "port": port,
            "login": "loader",
            "password": password,
            "schema": database,
            "extra": {"ssl": False},
            "description": MANAGED,
        }
    )


class Sent(NamedTuple):
    """A statement, and the number of the session that sent it."""

    session: int
    text: str


class Delays(NamedTuple):
    """Seconds that a statement and a commit take at least."""

    statement: float = 0
    commit: float = 0


class RedshiftServer:
    """
    Redshift, as a client sees it.

    :param postgres: server behind it
    :param storage: S3 server that COPY reads from
    :param password: password of its clients
    :param port: port to listen on, or 0 for a free one
    """

    def __init__(
        self, postgres: EmbeddedPostgres, storage: Storage, password: str, port: int = 0
    ) -> None:
        self.password = password
        self.statements: list[Sent] = []
        self.delays = Delays()
        self._sessions = itertools.count(1)
        self.roles: set[str] = set()
        """ARNs of the roles that are associated with the cluster."""
        self._postgres = postgres
        self._storage = storage
        self._histories: dict[str, History] = {}
        self._mutex = threading.Lock()
        self._listener = socket.create_server((HOST, port))
        self.port: int = self._listener.getsockname()[1]

    def serve(self) -> None:
        """Serve clients until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                session = Session(
                    client,
                    self._postgres,
                    self._storage,
                    self.roles,
                    self.password,
                    self._history,
                    partial(self._record, next(self._sessions)),
                )
                threading.Thread(target=session.serve, daemon=True, name="session").start()

    def _record(self, session: int, text: str) -> None:
        """Record a statement, and delay it."""
        self.statements.append(Sent(session, text))
        time.sleep(self.delays.commit if text == "commit" else self.delays.statement)

    def _history(self, database: str) -> History:
        """Return the history of a database; the first call creates its system views."""
        with self._mutex:
            if database not in self._histories:
                with closing(Journal(self._postgres.uri(database))) as journal:
                    journal.create_views()
                self._histories[database] = History()
            return self._histories[database]

    def connection(self, database: str) -> str:
        """Return an Airflow connection to a database."""
        return connection(self.port, self.password, database)

    def close(self) -> None:
        """Stop accepting clients."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def redshift(
    postgres: EmbeddedPostgres,
    storage: Storage,
    password: str = "Sparkify1",  # noqa: S107 - nothing to protect
) -> Iterator[RedshiftServer]:
    """Run a server during the block."""
    server = RedshiftServer(postgres, storage, password)
    threading.Thread(target=server.serve, daemon=True, name="redshift").start()
    try:
        yield server
    finally:
        server.close()
