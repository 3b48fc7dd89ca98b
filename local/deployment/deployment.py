"""Airflow and its PostgreSQL on one machine, started and stopped together."""

import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from local.api.rest import AirflowApi, ApiError
from local.deployment.credentials import WEB_USER, credentials, reader_password, write_private
from local.deployment.environment import env_file, environment, process_environment
from local.deployment.layout import Layout
from local.deployment.services import Services
from local.deployment.source import database_name, display_name
from local.deployment.stand_in import PASSWORD, READY, StandIn
from local.servers.postgres import HOST, EmbeddedPostgres
from local.terminal.errors import UserError

START_LIMIT = 180.0
AIRFLOW = "local.deployment.airflow"
"""The module that is Airflow's command."""


class Deployment:
    """
    The processes and the state under ``.local``.

    :param layout: paths of the project
    :param port: port of the web UI and the API
    :param source: URL of the files to load
    :param on_redshift: whether the warehouse is the stand-in for Redshift
    :param bi_port: the port for BI tools, if the warehouse is open to them
    """

    def __init__(
        self,
        layout: Layout,
        port: int,
        source: str,
        *,
        on_redshift: bool = False,
        bi_port: int | None = None,
    ) -> None:
        self.layout = layout
        self.source = source
        self.postgres = postgres_of(layout, bi_port)
        self.services = services_of(layout)
        self.secrets = credentials(layout.local / "credentials.json")
        self.url = f"http://{HOST}:{port}"
        self.api = AirflowApi(self.url, WEB_USER, self.secrets.web_password)
        self.exported = environment(self.layout, self.secrets, self.postgres, port, source)
        self.stand_in: StandIn | None = None
        if on_redshift and not self.database:
            raise UserError(
                "WAREHOUSE=redshift loads into a stand-in, AIRFLOW_CONN_SPARKIFY_WAREHOUSE into "
                "your own warehouse: unset one of them."
            )
        if bi_port and not self.database:
            raise UserError(
                "BI_PORT opens the embedded warehouse, AIRFLOW_CONN_SPARKIFY_WAREHOUSE names your "
                "own: unset one of them."
            )
        if on_redshift:
            self.stand_in = StandIn.of(source, self.secrets.web_password)
            self.exported |= self.stand_in.exported(database_name(source))

    @property
    def database(self) -> str | None:
        """The source's database in the embedded PostgreSQL; None for the user's own warehouse."""
        return self.exported.get("PGDATABASE")

    @property
    def source_name(self) -> str:
        """The source as shown to the user."""
        if self.source == self.layout.sample.as_uri():
            return f"simulated listening, in {self.layout.sample}"
        return display_name(self.source)

    def create_warehouse(self) -> None:
        """Create the source's database if it does not exist, and admit BI tools if asked to."""
        if self.database:
            self.postgres.create_database(self.database, f"loaded from {self.source_name}")
        if self.database and self.postgres.tcp_port:
            password = reader_password(self.layout.reader_password)
            self.postgres.admit_reader(self.database, password)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of this deployment's processes."""
        return process_environment(self.exported) | {
            "PYTHONPATH": str(self.layout.root / "plugins")
        }

    def write_files(self) -> None:
        """Write ``.local/env`` and the web UI's password file."""
        write_private(self.layout.env, env_file(self.exported, self.source_name))
        write_private(
            self.layout.passwords, json.dumps({WEB_USER: self.secrets.web_password}) + "\n"
        )

    def start(self, name: str, *arguments: str, **variables: str) -> None:
        """Start a Python module as a process with its own log."""
        command = [sys.executable, "-m", *arguments]
        self.services.start(name, command, self.environment | variables)

    def start_stand_in(self) -> None:
        """Start the stand-in for Redshift, if it is the warehouse, and wait until it is ready."""
        if not self.stand_in:
            return
        password = {PASSWORD: self.stand_in.password}
        self.start("redshift", *self.stand_in.arguments(self.postgres), **password)
        log = self.services.log("redshift")
        self._wait("The stand-in for Redshift", lambda: READY in log.read_text())

    def start_airflow(self) -> None:
        """Start the API server and the DAG processor."""
        self.start("api-server", AIRFLOW, "api-server")
        self.start("dag-processor", AIRFLOW, "dag-processor")

    def start_scheduler(self, *, scheduled: bool, serves: bool) -> None:
        """
        Start the scheduler and, for a deployment that keeps serving, the triggerer.

        :param scheduled: whether DAG schedules create runs
        :param serves: whether Airflow keeps running after the load
        """
        schedule = {"AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": str(scheduled)}
        # Log servers would listen on every address, and task logs are on this disk anyway.
        self.start("scheduler", "local.deployment.scheduler", "--skip-serve-logs", **schedule)
        if serves:
            self.start("triggerer", AIRFLOW, "triggerer", "--skip-serve-logs")

    def wait_until_ready(self, dags: list[str], since: datetime) -> None:
        """Wait until the API server and the scheduler are up and the DAGs are freshly parsed."""
        try:
            self._wait("The API server", self.api.is_up)
        except UserError as error:
            if "address already in use" not in str(error):
                raise
            raise UserError(
                f"Another program took the web UI's address, {self.url}, while Airflow was "
                "starting. Run `make run` again; without PORT=… it picks a free port."
            ) from None
        self._wait("The scheduler", self._schedules)
        for dag in dags:
            # mypy infers no type for a lambda with a default.
            self._wait(f"The DAG {dag}", lambda dag=dag: self._is_parsed(dag, since))  # type: ignore[misc]

    def is_migrated(self) -> bool:
        """Return whether Airflow's database is at this version; asking Airflow takes 6 s."""
        return self._migrated.exists() and self._migrated.read_text() == version("apache-airflow")

    def mark_migrated(self) -> None:
        """Record the version that the database is at."""
        self._migrated.write_text(version("apache-airflow"))

    @property
    def _migrated(self) -> Path:
        return self.postgres.folder / "airflow-version"

    def _schedules(self) -> bool:
        health = self.api.get("monitor/health")
        return bool(health["scheduler"]["status"] == "healthy")

    def _is_parsed(self, dag: str, since: datetime) -> bool:
        errors = self.api.get("importErrors")["import_errors"]
        if errors:
            first = errors[0]
            raise UserError(f"{first['filename']} does not import:\n{first['stack_trace']}")
        try:
            parsed = self.api.get(f"dags/{dag}")["last_parsed_time"]
        except ApiError as error:
            if error.status != 404:
                raise
            return False
        # An earlier start may have left an older version of the file in the database.
        return parsed is not None and datetime.fromisoformat(parsed) >= since

    def _wait(self, what: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_LIMIT
        while not ready():
            self.services.check()
            if time.monotonic() > deadline:
                raise UserError(
                    f"{what} is not ready after {START_LIMIT:.0f} s. "
                    f"The logs are in {self.layout.logs}."
                )
            # Each look takes CPU from what is starting.
            time.sleep(0.5)


def postgres_of(layout: Layout, tcp_port: int | None = None) -> EmbeddedPostgres:
    """Return the deployment's PostgreSQL."""
    return EmbeddedPostgres(layout.local / "postgres", tcp_port)


def services_of(layout: Layout) -> Services:
    """Return the deployment's processes, including those of an earlier run."""
    return Services(layout.local / "processes.json", layout.logs)
