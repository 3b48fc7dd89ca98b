"""
Airflow's scheduler, with what tasks import already loaded.

A LocalExecutor's workers are forked from the scheduler, and each task from a worker: what the
scheduler has imported costs a task nothing. Importing is nearly all that a task here would do.
"""

import importlib
import os
import runpy
import sys
import time
from pathlib import Path

# What every task uses of Airflow, and imports when it is needed.
OF_AIRFLOW = (
    "airflow.dag_processing.bundles.local",
    "airflow.sdk.execution_time.cache",
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.execution_time.timeout",
    "jinja2.ext",
)

# Staging imports it late, as other tasks need none of it. polars comes with it, and may be forked
# as long as nothing was asked of it: its threads come with the first question. Those that come with
# the import only tidy up.
STAGING = "sparkify.staging.postgres"


def main() -> None:
    """Be ``airflow scheduler``, with this program's arguments."""
    # They take seconds, so only when they are needed.
    from airflow.__main__ import main as airflow
    from airflow.configuration import conf

    for module in OF_AIRFLOW:
        importlib.import_module(module)
    _load_plugins()
    share("sparkify", Path(conf.get_mandatory_value("core", "dags_folder"), "sparkify.py"), STAGING)
    _rehearse()
    sys.argv[:1] = ["airflow", "scheduler"]
    airflow()  # type: ignore[no-untyped-call]


def share(package: str, dag_file: Path, *modules: str) -> None:
    """
    Import what a DAG imports, and further modules, for the tasks to come.

    What is edited of the package works as edited: a process that is forked after that imports it
    anew.
    """
    began = time.time()
    runpy.run_path(str(dag_file))
    for module in modules:
        importlib.import_module(module)
    imported = [name for name in sys.modules if f"{name}.".startswith(f"{package}.")]
    files = [str(sys.modules[name].__file__) for name in imported]

    def forget_what_was_edited() -> None:
        if any(_is_newer(file, began) for file in files):
            for name in imported:
                sys.modules.pop(name, None)

    os.register_at_fork(after_in_child=forget_what_was_edited)


def _is_newer(file: str, moment: float) -> bool:
    try:
        return Path(file).stat().st_mtime > moment
    except FileNotFoundError:
        return True


def _rehearse() -> None:
    """Do once what each task does first, of which Python keeps what it takes longest to make."""
    from airflow.sdk.definitions._internal.templater import SandboxedEnvironment
    from pydantic import JsonValue, TypeAdapter

    environment = SandboxedEnvironment(cache_size=0)  # type: ignore[no-untyped-call]
    environment.from_string("{{ rendered }}")
    TypeAdapter(JsonValue)


def _load_plugins() -> None:
    """Look for plugins as every task does, and for who wants to know which tables a hook reads."""
    from airflow.sdk.lineage import get_hook_lineage_collector
    from airflow.sdk.plugins_manager import integrate_macros_plugins

    integrate_macros_plugins()
    get_hook_lineage_collector()


if __name__ == "__main__":
    main()
