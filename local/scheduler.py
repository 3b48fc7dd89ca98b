"""
Airflow's scheduler, with what tasks import already loaded.

A LocalExecutor's workers are forked from the scheduler, and each task from a worker: what the
scheduler has imported costs a task nothing. Importing is nearly all that a task here would do.
"""

import importlib
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

# polars, which no scheduler uses, may be forked as long as nothing was asked of it: its threads
# come with the first question. Those that come with the import only tidy up.
SHARED = (
    "airflow.sdk.execution_time.task_runner",
    "airflow.providers.amazon.aws.hooks.redshift_sql",
    "airflow.providers.amazon.aws.transfers.s3_to_redshift",
    "airflow.providers.common.sql.operators.sql",
    "airflow.providers.postgres.hooks.postgres",
    "airflow.providers.standard.operators.python",
    "pgpq",
    "polars",
    "psycopg",
    "pyarrow",
)


# What the DAG sparkify imports.
OURS = (
    "accounts",
    "dag",
    "failures",
    "macros",
    "operators.data_quality",
    "operators.drop_staging",
    "operators.link_fact",
    "operators.load_dimension",
    "operators.load_fact",
    "operators.load_songplays",
    "operators.s3_to_warehouse",
    "quality",
    "settings",
)


def main() -> None:
    """Be ``airflow scheduler``, with this program's arguments."""
    from airflow.__main__ import main as airflow  # takes seconds, so only when it is needed

    for module in SHARED:
        importlib.import_module(module)
    _load_plugins()
    share("sparkify", OURS)
    sys.argv[:1] = ["airflow", "scheduler"]
    airflow()  # type: ignore[no-untyped-call]


def share(package: str, modules: Iterable[str]) -> None:
    """
    Import modules of a package for the tasks to come.

    What is edited works as edited: a process that is forked after that imports the package anew.
    """
    began = time.time()
    files = Path(str(importlib.import_module(package).__file__)).parent
    for module in modules:
        importlib.import_module(f"{package}.{module}")

    def forget_what_was_edited() -> None:
        if any(file.stat().st_mtime > began for file in files.rglob("*.py")):
            for name in [name for name in sys.modules if f"{name}.".startswith(f"{package}.")]:
                del sys.modules[name]

    os.register_at_fork(after_in_child=forget_what_was_edited)


def _load_plugins() -> None:
    """Look for plugins as every task does, and for who wants to know which tables a hook reads."""
    from airflow.sdk.lineage import get_hook_lineage_collector
    from airflow.sdk.plugins_manager import integrate_macros_plugins

    integrate_macros_plugins()
    get_hook_lineage_collector()


if __name__ == "__main__":
    main()
