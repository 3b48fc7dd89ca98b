"""The environment in which Airflow's processes, the CLI and psql reach the local deployment."""

import json
import os
import shlex
import sys
from pathlib import Path

from local.deployment.credentials import WEB_USER, Credentials
from local.deployment.layout import Layout
from local.deployment.source import database_of
from local.servers.postgres import METADATA, OWN, USER, EmbeddedPostgres
from local.servers.programs import binaries
from sparkify.settings import DEFAULTS

WAREHOUSE_CONNECTION = "AIRFLOW_CONN_SPARKIFY_WAREHOUSE"
STORAGE_CONNECTION = "AIRFLOW_CONN_SPARKIFY_S3"
VARIABLE = "AIRFLOW_VAR_SPARKIFY_"
SOURCE_VARIABLE = f"{VARIABLE}SOURCE"
HOST = "127.0.0.1"
NO_STORAGE = json.dumps({"conn_type": "aws", "description": OWN})
"""Leads to Amazon's S3, with the keys that the ``aws`` command would use."""


def environment(
    layout: Layout, secrets: Credentials, postgres: EmbeddedPostgres, port: int, source: str
) -> dict[str, str]:
    """What ``.local/env`` exports, but PATH."""
    return (
        _airflow(layout)
        | _fast()
        | _web(secrets, port)
        | _warehouse(postgres, source)
        | {STORAGE_CONNECTION: given(STORAGE_CONNECTION) or NO_STORAGE}
        | _variables(layout, source)
        | {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.uri(METADATA, "postgresql+psycopg2")}
    )


def process_environment(exported: dict[str, str]) -> dict[str, str]:
    """The environment of a process of this deployment: the caller's, with ours on top."""
    path = os.pathsep.join([*map(str, programs()), os.environ.get("PATH", os.defpath)])
    spared = ",".join(filter(None, [os.environ.get("NO_PROXY"), HOST, "localhost"]))
    # Processes talk to each other on this machine only, whatever proxy leads out of it.
    local = {"PATH": path, "NO_PROXY": spared, "no_proxy": spared}
    return os.environ | exported | local


def env_file(exported: dict[str, str], source: str) -> str:
    """The text of ``.local/env``, for bash, sh and zsh."""
    # Led elsewhere by what was sourced before, psql would answer from another source.
    gone = [f"unset {name}" for name in ("PGHOST", "PGUSER", "PGDATABASE") if name not in exported]
    lines = [f"export {name}={shlex.quote(value)}" for name, value in exported.items()]
    path = ":".join(shlex.quote(str(folder)) for folder in programs())
    head = [
        "# Reaches the local Sparkify deployment: source it. Written by `make run`; holds secrets.",
        f"# The warehouse it leads to is loaded from {json.dumps(source)}.",
    ]
    return "\n".join([*head, *gone, *lines, f'export PATH={path}:"$PATH"', ""])


def read_env_file(text: str) -> dict[str, str]:
    """What that text exports, but PATH."""
    words = shlex.split(text, comments=True)
    exported = dict(word.split("=", 1) for word in words if "=" in word)
    del exported["PATH"]
    return exported


def programs() -> list[Path]:
    """The folders of ``airflow`` and of ``psql``."""
    return [Path(sys.prefix) / "bin", binaries()]


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
        # Said at every command, though nobody asked for a picture.
        "PYTHONWARNINGS": "ignore:Could not import graphviz:UserWarning",
    }


def _fast() -> dict[str, str]:
    return {
        # Workers, forked when the scheduler starts. A slot stays taken for a moment, below, after
        # its task has ended, so it takes more of them than tasks that cores can run.
        "AIRFLOW__CORE__PARALLELISM": str(min(32, 8 * (os.cpu_count() or 1))),
        # Their defaults cost a chain of tasks a second and more at every link.
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        # Whoever watches should not wait minutes to be told what does not get better.
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
    """What is exported otherwise where the warehouse is the stand-in for Redshift."""
    return {
        WAREHOUSE_CONNECTION: redshift,
        STORAGE_CONNECTION: s3,
        SOURCE_VARIABLE: source,
        "PGDATABASE": database,
    }


def given(connection: str) -> str | None:
    """
    A connection that the caller's environment has, and that is the caller's own.

    A shell that has sourced ``.local/env`` has those of a load before this one, too.
    """
    value = os.environ.get(connection)
    return None if not value or f'"description": "{OWN}"' in value else value


def _warehouse(postgres: EmbeddedPostgres, source: str) -> dict[str, str]:
    """The caller's own warehouse, which psql is not led to; else the source's database."""
    if own := given(WAREHOUSE_CONNECTION):
        return {WAREHOUSE_CONNECTION: own}
    database = database_of(source)
    return {
        WAREHOUSE_CONNECTION: postgres.connection(database),
        "PGHOST": str(postgres.socket_folder),
        "PGUSER": USER,
        "PGDATABASE": database,
    }


def _variables(layout: Layout, source: str) -> dict[str, str]:
    """
    Every setting, the caller's before the default.

    Airflow looks a variable up in the environment first. Elsewhere it costs each task two calls.
    """
    ours = DEFAULTS | {"report_folder": layout.report.as_uri()}
    named = {f"{VARIABLE}{name.upper()}": default for name, default in ours.items()}
    return {name: os.environ.get(name, default) for name, default in named.items()} | {
        SOURCE_VARIABLE: source
    }
