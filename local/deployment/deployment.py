"""Airflow and its PostgreSQL on one machine: started, watched and ended as one thing."""

import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from local.api.rest import AirflowApi, Refused
from local.deployment.credentials import WEB_USER, credentials, write_private
from local.deployment.environment import HOST, env_file, environment, process_environment
from local.deployment.layout import Layout
from local.deployment.services import Services
from local.deployment.source import database_of, source_in_words
from local.deployment.stand_in import LISTENS, PASSWORD, StandIn
from local.servers.postgres import EmbeddedPostgres
from local.terminal.errors import Trouble

START_LIMIT = 180.0


class Deployment:
    """
    The processes and the state under ``.local``.

    :param layout: where the project is
    :param port: of the web UI and the API
    :param source: URL of the files to load
    :param on_redshift: whether the warehouse is the stand-in for Redshift
    """

    def __init__(
        self, layout: Layout, port: int, source: str, *, on_redshift: bool = False
    ) -> None:
        self.layout = layout
        self.source = source
        self.postgres = postgres_of(layout)
        self.services = services_of(layout)
        self.secrets = credentials(layout.local / "credentials.json")
        self.url = f"http://{HOST}:{port}"
        self.api = AirflowApi(self.url, WEB_USER, self.secrets.web_password)
        self.exported = environment(self.layout, self.secrets, self.postgres, port, source)
        self.stand_in: StandIn | None = None
        if on_redshift and not self.database:
            raise Trouble(
                "WAREHOUSE=redshift loads into a stand-in, AIRFLOW_CONN_SPARKIFY_WAREHOUSE into a "
                "warehouse of your own: leave out one of them."
            )
        if on_redshift:
            self.stand_in = StandIn.of(source, self.secrets.web_password)
            self.exported |= self.stand_in.exported(database_of(source))

    @property
    def database(self) -> str | None:
        """The source's database in the embedded PostgreSQL; None where the warehouse is another."""
        return self.exported.get("PGDATABASE")

    @property
    def source_in_words(self) -> str:
        """The source as a person is told of it."""
        if self.source == self.layout.sample.as_uri():
            return f"simulated listening, in {self.layout.sample}"
        return source_in_words(self.source)

    def make_warehouse(self) -> None:
        """Make the source's database, where there is none yet."""
        if self.database:
            self.postgres.make_database(self.database, f"loaded from {self.source_in_words}")

    @property
    def environment(self) -> dict[str, str]:
        """The environment of this deployment's processes."""
        return process_environment(self.exported) | {
            "PYTHONPATH": str(self.layout.root / "plugins")
        }

    def write_files(self) -> None:
        """Write what is read from outside: ``.local/env`` and the web UI's password file."""
        write_private(self.layout.env, env_file(self.exported, self.source_in_words))
        write_private(
            self.layout.passwords, json.dumps({WEB_USER: self.secrets.web_password}) + "\n"
        )

    def start(self, name: str, *arguments: str, **variables: str) -> None:
        """Start one of the environment's Python modules as a process with a log of its own."""
        command = [sys.executable, "-m", *arguments]
        self.services.start(name, command, self.environment | variables)

    def start_stand_in(self) -> None:
        """Start the stand-in for Redshift, where it is the warehouse, and wait until it listens."""
        if not self.stand_in:
            return
        password = {PASSWORD: self.stand_in.password}
        self.start("redshift", *self.stand_in.arguments(self.postgres), **password)
        log = self.services.log("redshift")
        self._wait("the stand-in for Redshift", lambda: LISTENS in log.read_text())

    def start_airflow(self) -> None:
        """Start what Airflow needs whether or not anything is scheduled."""
        self.start("api-server", "airflow", "api-server")
        self.start("dag-processor", "airflow", "dag-processor")

    def start_scheduler(self, *, scheduled: bool, serves: bool) -> None:
        """
        Start what runs tasks.

        :param scheduled: whether a DAG's schedule starts runs; else only who triggers them does
        :param serves: whether it goes on after a load
        """
        schedule = {"AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": str(scheduled)}
        # Task logs are read from the disk: their servers would listen on every address.
        self.start("scheduler", "local.deployment.scheduler", "--skip-serve-logs", **schedule)
        if serves:
            self.start("triggerer", "airflow", "triggerer", "--skip-serve-logs")

    def wait_until_ready(self, dags: list[str], since: datetime) -> None:
        """Wait until the API answers, the scheduler is alive and the DAGs were read anew."""
        try:
            self._wait("the API server", self.api.is_up)
        except Trouble as trouble:
            if "address already in use" not in str(trouble):
                raise
            raise Trouble(
                f"Another program took the web UI's address, {self.url}, while Airflow was "
                "starting. Run `make run` again: it finds a free port, or takes the one that "
                "PORT=… names."
            ) from None
        self._wait("the scheduler", self._schedules)
        for dag in dags:
            self._wait(f"the DAG {dag}", lambda dag=dag: self._is_parsed(dag, since))  # type: ignore[misc]

    def is_migrated(self) -> bool:
        """Whether Airflow's database is of this version; Airflow itself would take 6 s to say."""
        return self._migrated.exists() and self._migrated.read_text() == version("apache-airflow")

    def note_migrated(self) -> None:
        """Note which version the database is of, beside the database."""
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
            raise Trouble(f"{first['filename']} does not import:\n{first['stack_trace']}")
        try:
            parsed = self.api.get(f"dags/{dag}")["last_parsed_time"]
        except Refused as answer:
            if answer.status != 404:
                raise
            return False
        # What an earlier start left in the database may describe an older file.
        return parsed is not None and datetime.fromisoformat(parsed) >= since

    def _wait(self, what: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_LIMIT
        while not ready():
            self.services.check()
            if time.monotonic() > deadline:
                raise Trouble(
                    f"After {START_LIMIT:.0f} s {what} is not ready. "
                    f"The logs are in {self.layout.logs}."
                )
            time.sleep(0.2)


def postgres_of(layout: Layout) -> EmbeddedPostgres:
    """The deployment's PostgreSQL."""
    return EmbeddedPostgres(layout.local / "postgres")


def services_of(layout: Layout) -> Services:
    """The deployment's processes, those of an earlier run included."""
    return Services(layout.local / "processes.json", layout.logs)
