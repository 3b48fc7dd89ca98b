"""
Airflow's scheduler with the modules that tasks need already imported.

A LocalExecutor's workers are forked from the scheduler, and each task from a worker, so a task
need not import what the scheduler has imported. Imports would take up most of a task's time.
"""

import gc
import importlib
import os
import runpy
import sys
import time
from pathlib import Path
from typing import Any

from local.deployment.airflow import COLLECTED_AFTER
from local.deployment.airflow import main as airflow

# What Airflow imports lazily in every task.
AIRFLOW_MODULES = (
    "airflow.dag_processing.bundles.local",
    "airflow.sdk.execution_time.cache",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.execution_time.timeout",
    "jinja2.ext",
)

# Imported lazily, because only staging needs it. It imports polars, which may be forked until its
# first query starts its thread pool; the threads that the import starts only clean up.
STAGING = "sparkify.staging.postgres"


def main() -> None:
    """Run ``airflow scheduler`` with this program's arguments."""
    gc.set_threshold(COLLECTED_AFTER)
    prepare()
    sys.argv.insert(1, "scheduler")
    airflow()


def prepare() -> None:
    """Do once what every task would otherwise do for itself."""
    from airflow.configuration import conf

    for module in AIRFLOW_MODULES:
        importlib.import_module(module)
    _load_plugins()
    preload(
        "sparkify", Path(conf.get_mandatory_value("core", "dags_folder"), "sparkify.py"), STAGING
    )
    _warm_up()


def preload(package: str, dag_file: Path, *modules: str) -> None:
    """
    Import what a DAG imports, and further modules, before tasks are forked.

    A process that is forked after the package was edited imports it again.
    """
    began = time.time()
    runpy.run_path(str(dag_file))
    for module in modules:
        importlib.import_module(module)
    imported = [name for name in sys.modules if f"{name}.".startswith(f"{package}.")]
    files = [str(sys.modules[name].__file__) for name in imported]

    def forget_edited_package() -> None:
        if any(_is_newer(file, began) for file in files):
            for name in imported:
                sys.modules.pop(name, None)

    os.register_at_fork(after_in_child=forget_edited_package)


def _is_newer(file: str, moment: float) -> bool:
    try:
        return Path(file).stat().st_mtime > moment
    except FileNotFoundError:
        return True


def _warm_up() -> None:
    """Fill the caches that every task would otherwise fill for itself."""
    from airflow.sdk import Connection
    from airflow.sdk.definitions._internal.templater import SandboxedEnvironment
    from pydantic import JsonValue, TypeAdapter

    # Airflow's class is not annotated.
    environment = SandboxedEnvironment(cache_size=0)  # type: ignore[no-untyped-call]
    environment.from_string("{{ rendered }}")
    TypeAdapter(JsonValue)
    # The first hook discovers the providers and imports a driver, which takes longer than most of
    # an hour's tasks. It does not connect.
    for engine in ("postgres", "redshift"):
        connection: Any = Connection(conn_id=engine, conn_type=engine)
        connection.get_hook()


def _load_plugins() -> None:
    """Load plugins and the lineage collector, as every task does."""
    from airflow.sdk.lineage import get_hook_lineage_collector
    from airflow.sdk.plugins_manager import integrate_macros_plugins

    integrate_macros_plugins()
    get_hook_lineage_collector()


if __name__ == "__main__":
    main()
