"""Whoever wants to know of failures is told, by the connections that are there."""

import asyncio
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from sparkify.runs import alerts
from tests.support.warehouse import Warehouse

SCHEDULED = {
    "dag_run_id": "scheduled__1",
    "run_type": "scheduled",
    "state": "running",
    "data_interval_start": "2018-11-15T10:00:00Z",
    "data_interval_end": "2018-11-15T11:00:00Z",
}


class Mailbox(socketserver.StreamRequestHandler):
    """As much of SMTP as takes in a message."""

    received: ClassVar[list[str]]

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        text = None
        for line in self.rfile:
            if text is not None and line != b".\r\n":
                text += line.decode()
                continue
            if text is not None:
                self.received.append(text)
            text = "" if line.upper().startswith(b"DATA") else None
            self.wfile.write(b"354 go on\r\n" if text == "" else b"250 fine\r\n")


class Channel(BaseHTTPRequestHandler):
    """A webhook that takes in what is posted."""

    received: ClassVar[list[Any]]

    def do_POST(self) -> None:
        self.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def serve() -> Iterator[Any]:
    servers: list[Any] = []

    def started(server: Any) -> int:
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return int(server.server_address[1])

    yield started
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def mail(serve: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    class Its(Mailbox):
        received: ClassVar[list[str]] = []

    port = serve(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Its))
    extra: dict[str, str | bool] = {"to": "data@example.org", "from_email": "airflow@example.org"}
    extra |= {"disable_ssl": True, "disable_tls": True}
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_MAIL", json.dumps(connection))
    return Its.received


@pytest.fixture
def slack(serve: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    class Its(Channel):
        received: ClassVar[list[Any]] = []

    port = serve(HTTPServer(("127.0.0.1", 0), Its))
    url = {"conn_type": "slackwebhook", "host": f"http://127.0.0.1:{port}", "password": "/T0/B0/x"}
    monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_SLACK", json.dumps(url))
    return Its.received


def context(run_id: str = "run", dag_id: str = "sparkify") -> Any:
    error = ValueError("reject_share: it is 0.05 {{ conn.sparkify_warehouse.password }} <b>")
    return {
        "task_instance": SimpleNamespace(
            dag_id=dag_id, task_id="audit_staged", log_url="http://here/log"
        ),
        "run_id": run_id,
        "exception": error,
    }


def begin(warehouse: Warehouse) -> None:
    warehouse.client.execute(
        "insert into load_runs (run_id, window_start, window_end, began_at) "
        "values ('run', '2018-11-15 10:00', '2018-11-15 11:00', now())"
    )


def test_without_connections_a_failure_is_noted_and_nobody_is_told(warehouse: Warehouse) -> None:
    begin(warehouse)
    alerts.failed(context())
    assert warehouse.rows("select failed_task, failed_at is not null from load_runs") == [
        ("audit_staged", True)
    ]


def test_a_failure_of_another_dag_is_announced_and_is_none_of_a_load(
    warehouse: Warehouse, slack: list[Any]
) -> None:
    begin(warehouse)
    alerts.failed(context(dag_id="sparkify_schema"))
    assert len(slack) == 1
    assert warehouse.column("select failed_at from load_runs") == [None]


def test_a_failure_is_told_by_mail_in_its_own_words(warehouse: Warehouse, mail: list[str]) -> None:
    alerts.failed(context())
    [message] = mail
    assert "To: data@example.org" in message
    assert "Subject: Sparkify: audit_staged failed" in message
    import email

    [part] = [part for part in email.message_from_string(message).walk() if not part.is_multipart()]
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    text = payload.decode()
    assert "reject_share: it is 0.05" in text
    # What is quoted is neither a template nor HTML.
    assert "{{ conn.sparkify_warehouse.password }} &lt;b&gt;" in text
    assert "http://here/log" in text


def test_a_failure_is_told_to_a_channel(warehouse: Warehouse, slack: list[Any]) -> None:
    alerts.failed(context())
    [message] = slack
    assert "audit_staged of run failed.\nreject_share: it is 0.05 {{ conn" in message["text"]


def test_a_way_that_is_broken_stops_neither_the_others_nor_the_note(
    warehouse: Warehouse, slack: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(warehouse)
    monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_MAIL", '{"conn_type": "smtp", "host": "nowhere"}')
    alerts.failed(context())
    assert len(slack) == 1
    assert warehouse.column("select failed_task from load_runs") == ["audit_staged"]


def test_a_late_hour_of_the_schedule_is_told_of_once_and_a_backfill_is_not(
    slack: list[Any],
) -> None:
    asyncio.run(alerts.late({"dag_run": SCHEDULED | {"run_type": "backfill"}}))
    asyncio.run(alerts.late({"dag_run": SCHEDULED | {"state": "failed"}}))
    asyncio.run(alerts.late({"dag_run": SCHEDULED}))
    [message] = slack
    assert "scheduled__1, for 2018-11-15T10:00:00Z to 2018-11-15T11:00:00Z" in message["text"]
