"""An S3 on this machine: moto's server, and the way folders get into its buckets."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REGION = "us-west-2"


class Storage:
    """
    An S3 server, as a client reaches it.

    :param endpoint: its URL
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def client(self, service: str = "s3", **credentials: str) -> Any:
        """A client of one of its services; any credentials do, unless the server is told others."""
        import boto3  # takes a while

        keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"} | credentials
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, **keys)

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
                "login": "local",
                "password": "local",
                "extra": {"endpoint_url": self.endpoint, "region": REGION} | extra,
            }
        )


@contextmanager
def storage(port: int = 0) -> Iterator[Storage]:
    """A server that ends with the block; what it holds is in memory."""
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    try:
        host, its_port = server.get_host_and_port()
        yield Storage(f"http://{host}:{its_port}")
    finally:
        server.stop()
