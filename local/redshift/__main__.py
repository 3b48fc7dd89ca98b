"""
The stand-in and its S3 as one process: ``python -m local.redshift POSTGRES FOLDER URL PORTS``.

It fills the place that the URL names with the folder's files first: what it holds is in memory.
"""

import os
import sys
from pathlib import Path

from local.deployment.stand_in import LISTENS, PASSWORD
from local.redshift.server import RedshiftServer
from local.servers.postgres import EmbeddedPostgres
from local.servers.s3 import storage


def main(postgres: str, folder: str, url: str, s3_port: str, redshift_port: str) -> None:
    """Serve until the process is ended."""
    password = os.environ[PASSWORD]
    bucket, prefix = url.removeprefix("s3://").split("/", 1)
    with storage(int(s3_port), password) as s3:
        s3.make_bucket(bucket)
        s3.upload(Path(folder), bucket, f"{prefix}/")
        server = RedshiftServer(EmbeddedPostgres(Path(postgres)), s3, password, int(redshift_port))
        print(LISTENS, flush=True)
        server.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
