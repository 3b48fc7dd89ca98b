"""An S3 on this machine: moto's server, and the way folders get into its buckets."""

import json
import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.servers.postgres import OWN

REGION = "us-west-2"
HOST = "127.0.0.1"
KEY_ID = "local"


class Storage:
    """
    An S3 server, as a client reaches it.

    :param endpoint: its URL
    :param secret: of the access key ``KEY_ID``
    """

    def __init__(self, endpoint: str, secret: str) -> None:
        self.endpoint = endpoint
        self.keys = {KEY_ID: secret}
        """Each access key that is let in, with its secret."""

    def secret(self, key: str) -> str | None:
        """The secret of a key, one that its own STS gave included; None for another's."""
        from moto.sts.models import sts_backends

        if key in self.keys:
            return self.keys[key]
        for account in sts_backends.values():
            if role := account["aws"].get_assumed_role_from_access_key(key):
                return str(role.secret_access_key)
        return None

    def client(self, service: str = "s3", **credentials: str) -> Any:
        """A client of one of its services; by default with the server's own key."""
        import boto3  # takes a while

        keys = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": self.keys[KEY_ID]}
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=REGION, **(keys | credentials)
        )

    def make_bucket(self, bucket: str) -> None:
        """Make a bucket that is not there yet."""
        where = {"LocationConstraint": REGION}
        self.client().create_bucket(Bucket=bucket, CreateBucketConfiguration=where)

    def upload(self, folder: Path, bucket: str, prefix: str = "") -> int:
        """Put a folder's files into a bucket; return how many there were."""
        client = self.client()
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        for file in files:
            key = prefix + file.relative_to(folder).as_posix()
            client.put_object(Bucket=bucket, Key=key, Body=file.read_bytes())
        return len(files)

    def connection(self, **extra: str) -> str:
        """The Airflow connection to it, of type ``aws``."""
        return json.dumps(
            {
                "conn_type": "aws",
                "login": KEY_ID,
                "password": self.keys[KEY_ID],
                "extra": {"endpoint_url": self.endpoint, "region": REGION} | extra,
                "description": OWN,
            }
        )


@contextmanager
def storage(port: int = 0, secret: str | None = None) -> Iterator[Storage]:
    """A server that ends with the block; what it holds is in memory."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    from local.servers.signatures import Guard

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    made = Storage("", secret or secrets.token_urlsafe(24))
    # Moto itself serves whoever asks, and every user of this machine reaches its port.
    guard = Guard(DomainDispatcherApplication(create_backend_app), made.secret)
    server = make_server(HOST, port, guard, threaded=True, request_handler=MotoRequestHandler)
    made.endpoint = f"http://{HOST}:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever, daemon=True, name="s3")
    serving.start()
    try:
        yield made
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
