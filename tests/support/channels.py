"""Channels that take in the alerts that are sent to them."""

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest


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
