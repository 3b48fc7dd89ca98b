"""
Run the stand-in and its S3 server: ``python -m local.redshift POSTGRES FOLDER URL PORTS``.

The S3 server is in memory: the folder's files are uploaded to the URL first.
"""

import os
import sys
from pathlib import Path

from local.deployment.stand_in import PASSWORD, READY
from local.redshift.server import RedshiftServer
from local.servers.postgres import EmbeddedPostgres
from local.servers.s3 import storage


def main(postgres: str, folder: str, url: str, s3_port: str, redshift_port: str) -> None:
    """Serve until the process is terminated."""
    password = os.environ[PASSWORD]
    bucket, prefix = url.removeprefix("s3://").split("/", 1)
    with storage(int(s3_port), password) as s3:
        s3.create_bucket(bucket)
        s3.upload(Path(folder), bucket, f"{prefix}/")
        server = RedshiftServer(EmbeddedPostgres(Path(postgres)), s3, password, int(redshift_port))
        print(READY, flush=True)
        server.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
