"""A local S3 server, which is moto's, and a client that uploads folders to it."""

import json
import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from local.servers.postgres import MANAGED

REGION = "us-west-2"
HOST = "127.0.0.1"
KEY_ID = "local"
CLIENT_LOCK = threading.Lock()


class Storage:
    """
    An S3 server as its clients see it.

    :param endpoint: URL of the server
    :param secret: secret of the access key ``KEY_ID``
    """

    def __init__(self, endpoint: str, secret: str) -> None:
        self.endpoint = endpoint
        self.keys = {KEY_ID: secret}
        """The accepted access keys and their secrets."""
        self._clients: dict[tuple[object, ...], Any] = {}

    def secret(self, key: str) -> str | None:
        """Return the secret of a key, including those issued by its STS; None if unknown."""
        from moto.sts.models import sts_backends

        if key in self.keys:
            return self.keys[key]
        for account in sts_backends.values():
            if role := account["aws"].get_assumed_role_from_access_key(key):
                return str(role.secret_access_key)
        return None

    def client(self, service: str = "s3", **credentials: str) -> Any:
        """Return a client of a service; by default with the server's own key."""
        import boto3  # slow

        own = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": self.keys[KEY_ID]}
        keys = own | credentials
        wanted = (service, *sorted(keys.items()))
        # Making one takes longer than most of what it is asked for. Threads may share it.
        with CLIENT_LOCK:
            if wanted not in self._clients:
                self._clients[wanted] = boto3.client(
                    service, endpoint_url=self.endpoint, region_name=REGION, **keys
                )
            return self._clients[wanted]

    def create_bucket(self, bucket: str) -> None:
        """Create a bucket."""
        location = {"LocationConstraint": REGION}
        self.client().create_bucket(Bucket=bucket, CreateBucketConfiguration=location)

    def upload(self, folder: Path, bucket: str, prefix: str = "") -> int:
        """Upload a folder's files to a bucket and return their number."""
        client = self.client()
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        for file in files:
            key = prefix + file.relative_to(folder).as_posix()
            client.put_object(Bucket=bucket, Key=key, Body=file.read_bytes())
        return len(files)

    def connection(self, **extra: str) -> str:
        """Return an Airflow connection of type ``aws``."""
        return json.dumps(
            {
                "conn_type": "aws",
                "login": KEY_ID,
                "password": self.keys[KEY_ID],
                "extra": {"endpoint_url": self.endpoint, "region": REGION} | extra,
                "description": MANAGED,
            }
        )


@contextmanager
def storage(port: int = 0, secret: str | None = None) -> Iterator[Storage]:
    """Run a server, with its contents in memory, during the block."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    from local.servers.signatures import Guard

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    running = Storage("", secret or secrets.token_urlsafe(24))
    services = DomainDispatcherApplication(create_backend_app)
    # For each request moto would list its own folders, one request at a time.
    known = cache(services.get_backend_for_host)
    services.get_backend_for_host = known  # type: ignore[method-assign]
    # Moto does not authenticate, and every user of this machine can reach its port.
    guard = Guard(services, running.secret)
    server = make_server(HOST, port, guard, threaded=True, request_handler=MotoRequestHandler)
    running.endpoint = f"http://{HOST}:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever, daemon=True, name="s3")
    serving.start()
    try:
        yield running
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
