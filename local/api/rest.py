"""Client of Airflow's REST API, logged in as the local user."""

import json
import time
import urllib.error
import urllib.request
from typing import Any

Document = dict[str, Any]

TRIES = 5
"""How often an update is sent that the server fails to make."""
PAUSE = 0.5
"""Seconds between two tries."""

# The API is on this machine: bypass any proxy.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ApiError(Exception):
    """
    An unsuccessful response.

    :param status: HTTP status
    :param detail: body of the response
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"HTTP {status}: {detail}")
        self.status = status


class AirflowApi:
    """
    A client of one API server.

    :param url: the server's address
    :param user: user of the SimpleAuthManager
    :param password: the user's password
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self.user = user
        self.password = password
        self._token = ""

    def get(self, path: str) -> Document:
        """Get a resource of ``/api/v2``."""
        return self._authorized("GET", path)

    def post(self, path: str, body: Document) -> Document:
        """Create a resource of ``/api/v2``."""
        return self._authorized("POST", path, body)

    def patch(self, path: str, body: Document) -> Document:
        """
        Update a resource of ``/api/v2``, which may take several tries.

        Airflow answers 500 where its database ends the update, for a deadlock with the scheduler.
        """
        for _ in range(TRIES - 1):
            try:
                return self._authorized("PATCH", path, body)
            except ApiError as error:
                if error.status < 500:
                    raise
                time.sleep(PAUSE)
        return self._authorized("PATCH", path, body)

    def is_up(self) -> bool:
        """Return whether the server answers and knows the user: another server would not."""
        try:
            self._authorized("GET", "version")
        except (ApiError, OSError):
            return False
        return True

    def _authorized(self, method: str, path: str, body: Document | None = None) -> Document:
        if not self._token:
            login = {"username": self.user, "password": self.password}
            self._token = self._call("POST", "/auth/token", login)["access_token"]
        return self._call(method, f"/api/v2/{path}", body)

    def _call(self, method: str, path: str, body: Document | None = None) -> Document:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, content, headers, method=method)  # noqa: S310 - the scheme is ours
        try:
            with _opener.open(request, timeout=30) as response:
                document: Document = json.load(response)
                return document
        except urllib.error.HTTPError as error:
            raise ApiError(error.code, error.read().decode(errors="replace")) from None
