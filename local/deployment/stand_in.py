"""The stand-in as a part of the local deployment: ``make run WAREHOUSE=redshift``."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from local.deployment.environment import HOST, stand_in_environment
from local.deployment.ports import any_free
from local.deployment.source import word_of
from local.servers.postgres import BEHIND_REDSHIFT, EmbeddedPostgres
from local.servers.s3 import Storage
from local.terminal.errors import Trouble

BUCKET = "sparkify"
PASSWORD = "SPARKIFY_STAND_IN_PASSWORD"  # noqa: S105 - the name of a variable
LISTENS = "The stand-in listens."
"""What its log says once it does."""


@dataclass(frozen=True)
class StandIn:
    """
    Where the stand-in will listen, and what it is told.

    :param folder: what its bucket is filled with
    :param password: what its clients, and those of its S3, have to know
    """

    folder: Path
    password: str
    s3_port: int
    redshift_port: int

    @classmethod
    def of(cls, source: str, password: str) -> "StandIn":
        """A stand-in for a source that is a folder."""
        parts = urlsplit(source)
        if parts.scheme != "file":
            raise Trouble(
                f"WAREHOUSE=redshift loads a folder, through an S3 of its own; the source is "
                f"{source}. To load a bucket into a Redshift, set "
                "AIRFLOW_CONN_SPARKIFY_WAREHOUSE and AIRFLOW_CONN_SPARKIFY_S3."
            )
        return cls(Path(unquote(parts.path)), password, any_free(), any_free())

    @property
    def url(self) -> str:
        """Where the folder's files are in its S3: the page names the source so."""
        return f"s3://{BUCKET}/{word_of(self.folder.as_uri())}"

    def exported(self, database: str) -> dict[str, str]:
        """What the environment of the deployment says otherwise."""
        from local.redshift.server import connection

        database += BEHIND_REDSHIFT
        return stand_in_environment(
            connection(self.redshift_port, self.password, database),
            Storage(f"http://{HOST}:{self.s3_port}", self.password).connection(),
            self.url,
            database,
        )

    def arguments(self, postgres: EmbeddedPostgres) -> list[str]:
        """The arguments of its program."""
        ports = [str(self.s3_port), str(self.redshift_port)]
        return ["local.redshift", str(postgres.folder), str(self.folder), self.url, *ports]
