"""What a warehouse on another machine is told before the line is encrypted: nothing."""

import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from redshift_connector import error as redshift_error

from sparkify.operators.warehouse import ExecuteSQLOperator
from sparkify.warehouse import warehouse_hook
from tests.support.environment import ROOT
from tests.support.redshift import refused_by_redshift

SSL_REQUEST = struct.pack("!ii", 8, 80877103)


class PlainServer:
    """A database server that has no TLS, and keeps what its one client says."""

    def __init__(self, listener: socket.socket) -> None:
        self.port: int = listener.getsockname()[1]
        self._listener = listener
        self._heard: list[bytes] = []
        self._serving = threading.Thread(target=self._serve, daemon=True)
        self._serving.start()

    def _serve(self) -> None:
        client, _ = self._listener.accept()
        client.settimeout(1)  # Redshift's driver does not hang up
        with client, suppress(TimeoutError):
            self._heard.append(client.recv(1024))
            client.sendall(b"N")
            self._heard.append(client.recv(1024))

    def heard(self) -> bytes:
        """All that was said."""
        self._serving.join(10)
        return b"".join(self._heard)


@pytest.fixture
def server() -> Iterator[PlainServer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield PlainServer(listener)


def lead_to(monkeypatch: pytest.MonkeyPatch, **connection: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", json.dumps(connection))


def sslmode() -> str | None:
    said: str | None = warehouse_hook().connection.extra_dejson.get("sslmode")
    return said


@pytest.mark.parametrize("host", ["db.example.com", "10.0.0.7", "db", "localhost,db.example.com"])
def test_another_machine_is_spoken_to_in_tls(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    lead_to(monkeypatch, conn_type="postgres", host=host)
    assert sslmode() == "require"


@pytest.mark.parametrize("host", ["", "/run/postgresql", "127.0.0.1", "localhost", "::1"])
def test_this_machine_is_not(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    lead_to(monkeypatch, conn_type="postgres", host=host)
    assert sslmode() is None


def test_who_says_otherwise_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    lead_to(monkeypatch, conn_type="postgres", host="db")
    assert sslmode() == "verify-full"
    lead_to(monkeypatch, conn_type="postgres", host="db", extra={"sslmode": "disable"})
    assert sslmode() == "disable"


def test_postgres_without_tls_is_told_nothing(
    server: PlainServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = {"hostaddr": "127.0.0.1"}
    named = {"host": "db.example.com", "port": server.port, "login": "loader", "password": "S3cret"}
    lead_to(monkeypatch, conn_type="postgres", extra=there, **named)
    operator = ExecuteSQLOperator(task_id="look", sql="select 1")
    with pytest.raises(psycopg.OperationalError, match="SSL was required"):
        operator.get_db_hook().get_conn()
    assert server.heard() == SSL_REQUEST


def test_redshift_without_tls_is_told_nothing(
    server: PlainServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"host": "127.0.0.1", "port": server.port, "login": "loader", "password": "S3cret"}
    lead_to(monkeypatch, conn_type="redshift", schema="dev", **named)
    hook = warehouse_hook()
    with refused_by_redshift(), pytest.raises(redshift_error.InterfaceError, match="SSL"):
        type(hook).get_conn.__wrapped__(hook)  # without the provider's retries
    assert server.heard() == SSL_REQUEST


def test_connections_to_the_warehouse_are_made_in_one_place() -> None:
    making = re.compile(r"get_hook\(|(PostgresHook|RedshiftSQLHook|SQLExecuteQueryOperator)\(")
    makers = {
        file.relative_to(ROOT).as_posix()
        for file in [*(ROOT / "plugins").rglob("*.py"), *(ROOT / "dags").glob("*.py")]
        if making.search(file.read_text())
    }
    # The second one leads the provider's operators to the first.
    assert makers == {
        "plugins/sparkify/warehouse.py",
        "plugins/sparkify/operators/warehouse.py",
    }
