"""The client of Airflow's REST API."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from local.api import rest
from local.api.rest import AirflowApi, ApiError


@contextmanager
def server(*statuses: int) -> Iterator[AirflowApi]:
    """A server that answers updates with these statuses, one after the other."""
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.answer(201)

        def do_PATCH(self) -> None:
            self.answer(left.pop(0))

        def answer(self, status: int) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"access_token": "its", "status": status}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as made:
        serving = Thread(target=made.serve_forever)
        serving.start()
        try:
            yield AirflowApi(f"http://127.0.0.1:{made.server_port}", "user", "password")
        finally:
            made.shutdown()
            serving.join()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "PAUSE", 0)


def test_an_update_that_met_the_scheduler_s_is_sent_again() -> None:
    with server(500, 500, 200) as api:
        assert api.patch("dags/sparkify", {})["status"] == 200


@pytest.mark.parametrize("statuses", [[404], [500] * rest.TRIES])
def test_what_no_try_can_change_is_an_error(statuses: list[int]) -> None:
    with server(*statuses) as api, pytest.raises(ApiError) as error:
        api.patch("dags/sparkify", {})
    assert error.value.status == statuses[-1]
