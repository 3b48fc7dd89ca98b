"""The environment that connects Airflow, its CLI and psql to the local deployment."""

import json
import os
import shlex
import sys
from pathlib import Path

from local.deployment.credentials import WEB_USER, Credentials
from local.deployment.layout import Layout
from local.deployment.source import database_name
from local.servers.postgres import HOST, MANAGED, METADATA, USER, EmbeddedPostgres
from local.servers.programs import bin_folder
from sparkify.settings import DEFAULTS, VARIABLE

WAREHOUSE_CONNECTION = "AIRFLOW_CONN_SPARKIFY_WAREHOUSE"
STORAGE_CONNECTION = "AIRFLOW_CONN_SPARKIFY_S3"
SOURCE_VARIABLE = f"{VARIABLE}SOURCE"
DEFAULT_STORAGE = json.dumps({"conn_type": "aws", "description": MANAGED})
"""Amazon's S3, with the credentials that the ``aws`` command would use."""


def environment(
    layout: Layout, secrets: Credentials, postgres: EmbeddedPostgres, port: int, source: str
) -> dict[str, str]:
    """Return what ``.local/env`` exports, except PATH."""
    return (
        _airflow(layout)
        | _tuning()
        | _web(secrets, port)
        | _warehouse(postgres, source)
        | {STORAGE_CONNECTION: user_connection(STORAGE_CONNECTION) or DEFAULT_STORAGE}
        | _variables(layout, source)
        | {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.uri(METADATA, "postgresql+psycopg2")}
    )


def process_environment(exported: dict[str, str]) -> dict[str, str]:
    """Return the environment of a process: the caller's, overridden by the deployment's."""
    path = os.pathsep.join([*map(str, bin_folders()), os.environ.get("PATH", os.defpath)])
    no_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY"), HOST, "localhost"]))
    # Processes talk to each other on this machine: bypass any proxy.
    local = {"PATH": path, "NO_PROXY": no_proxy, "no_proxy": no_proxy}
    return os.environ | exported | local


def env_file(exported: dict[str, str], source: str) -> str:
    """Return the text of ``.local/env``, for bash, sh and zsh."""
    # Variables sourced earlier would connect psql to another source's database.
    unset = [f"unset {name}" for name in ("PGHOST", "PGUSER", "PGDATABASE") if name not in exported]
    lines = [f"export {name}={shlex.quote(value)}" for name, value in exported.items()]
    path = ":".join(shlex.quote(str(folder)) for folder in bin_folders())
    head = [
        "# Source this to reach the local deployment. Written by `make run`; contains secrets.",
        f"# The warehouse is loaded from {json.dumps(source)}.",
    ]
    return "\n".join([*head, *unset, *lines, f'export PATH={path}:"$PATH"', ""])


def read_env_file(text: str) -> dict[str, str]:
    """Return what that text exports, except PATH."""
    words = shlex.split(text, comments=True)
    exported = dict(word.split("=", 1) for word in words if "=" in word)
    del exported["PATH"]
    return exported


def bin_folders() -> list[Path]:
    """Return the folders of ``airflow`` and of ``psql``."""
    return [Path(sys.prefix) / "bin", bin_folder()]


def _airflow(layout: Layout) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": str(layout.local / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(layout.root / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(layout.root / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{WEB_USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(layout.passwords),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(layout.task_logs),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(layout.logs / "dags"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        # Otherwise every command prints this warning.
        "PYTHONWARNINGS": "ignore:Could not import graphviz:UserWarning",
    }


def _tuning() -> dict[str, str]:
    return {
        # Workers are forked when the scheduler starts. A slot stays taken for a moment after its
        # task has ended, so there must be more slots than the cores can run tasks.
        "AIRFLOW__CORE__PARALLELISM": str(min(32, 8 * (os.cpu_count() or 1))),
        # The defaults add a second or more between one task and the next.
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        # Report permanent failures soon, because the user is waiting.
        "AIRFLOW__CORE__MAX_TASK_RETRY_DELAY": "5",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__API__WORKERS": "1",
    }


def _web(secrets: Credentials, port: int) -> dict[str, str]:
    return {
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://{HOST}:{port}",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{HOST}:{port}/execution/",
        "AIRFLOW__API__SECRET_KEY": secrets.api_secret,
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.jwt_secret,
        "AIRFLOW__CORE__FERNET_KEY": secrets.fernet_key,
    }


def stand_in_environment(redshift: str, s3: str, source: str, database: str) -> dict[str, str]:
    """Return what differs if the warehouse is the stand-in for Redshift."""
    return {
        WAREHOUSE_CONNECTION: redshift,
        STORAGE_CONNECTION: s3,
        SOURCE_VARIABLE: source,
        "PGDATABASE": database,
    }


def user_connection(connection: str) -> str | None:
    """
    Return a connection of the caller's environment, unless a local deployment set it.

    After ``source .local/env`` a shell has the connections of an earlier load.
    """
    value = os.environ.get(connection)
    return None if not value or f'"description": "{MANAGED}"' in value else value


def _warehouse(postgres: EmbeddedPostgres, source: str) -> dict[str, str]:
    """The caller's own warehouse, without psql's variables; else the source's database."""
    if own := user_connection(WAREHOUSE_CONNECTION):
        return {WAREHOUSE_CONNECTION: own}
    database = database_name(source)
    return {
        WAREHOUSE_CONNECTION: postgres.connection(database),
        "PGHOST": str(postgres.socket_folder),
        "PGUSER": USER,
        "PGDATABASE": database,
    }


def _variables(layout: Layout, source: str) -> dict[str, str]:
    """
    Every setting, from the caller's environment or by default.

    Airflow looks in the environment first; anywhere else, a variable costs each task two calls.
    """
    ours = DEFAULTS | {"report_folder": layout.report.as_uri()}
    named = {f"{VARIABLE}{name.upper()}": default for name, default in ours.items()}
    return {name: os.environ.get(name, default) for name, default in named.items()} | {
        SOURCE_VARIABLE: source
    }
