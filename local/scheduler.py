"""
Airflow's scheduler, with what tasks import already loaded.

A LocalExecutor's workers are forked from the scheduler, and each task from a worker: what the
scheduler has imported costs a task nothing. Importing is nearly all that a task here would do.
"""

import importlib
import sys

# Not the project's own code, so that an operator that is edited works as edited. polars, which no
# scheduler uses, may be forked as long as nothing was asked of it: its threads come with the first
# question. Those that come with the import only tidy up.
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


def main() -> None:
    """Be ``airflow scheduler``, with this program's arguments."""
    from airflow.__main__ import main as airflow  # takes seconds, so only when it is needed

    for module in SHARED:
        importlib.import_module(module)
    _load_plugins()
    sys.argv[:1] = ["airflow", "scheduler"]
    airflow()  # type: ignore[no-untyped-call]


def _load_plugins() -> None:
    """Look for plugins as every task does, and for who wants to know which tables a hook reads."""
    from airflow.sdk.lineage import get_hook_lineage_collector
    from airflow.sdk.plugins_manager import integrate_macros_plugins

    integrate_macros_plugins()
    get_hook_lineage_collector()


if __name__ == "__main__":
    main()
