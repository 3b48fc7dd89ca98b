"""The stand-in for Redshift in the local deployment: ``make run WAREHOUSE=redshift``."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from local.deployment.environment import stand_in_environment
from local.deployment.ports import free_port
from local.deployment.source import slug
from local.servers.postgres import HOST, STAND_IN_SUFFIX, EmbeddedPostgres
from local.servers.s3 import Storage
from local.terminal.errors import UserError

BUCKET = "sparkify"
PASSWORD = "SPARKIFY_STAND_IN_PASSWORD"  # noqa: S105 - the name of a variable
READY = "The stand-in is ready."
"""The line that it logs once it accepts connections."""


@dataclass(frozen=True)
class StandIn:
    """
    Configuration of the stand-in.

    :param folder: folder whose files fill its bucket
    :param password: password of its clients and of its S3 server's
    """

    folder: Path
    password: str
    s3_port: int
    redshift_port: int

    @classmethod
    def of(cls, source: str, password: str) -> "StandIn":
        """Configure a stand-in for a source, which must be a folder."""
        parts = urlsplit(source)
        if parts.scheme != "file":
            raise UserError(
                f"WAREHOUSE=redshift loads a folder, through its own S3 server, not {source}. To "
                "load a bucket into Redshift, set AIRFLOW_CONN_SPARKIFY_WAREHOUSE and "
                "AIRFLOW_CONN_SPARKIFY_S3."
            )
        return cls(Path(unquote(parts.path)), password, free_port(), free_port())

    @property
    def url(self) -> str:
        """The URL of the files in its S3 server, which the page shows as the source."""
        return f"s3://{BUCKET}/{slug(self.folder.as_uri())}"

    def exported(self, database: str) -> dict[str, str]:
        """Return what differs in the deployment's environment."""
        from local.redshift.server import connection

        database += STAND_IN_SUFFIX
        return stand_in_environment(
            connection(self.redshift_port, self.password, database),
            Storage(f"http://{HOST}:{self.s3_port}", self.password).connection(),
            self.url,
            database,
        )

    def arguments(self, postgres: EmbeddedPostgres) -> list[str]:
        """Return the arguments of its program."""
        ports = [str(self.s3_port), str(self.redshift_port)]
        return ["local.redshift", str(postgres.folder), str(self.folder), self.url, *ports]
