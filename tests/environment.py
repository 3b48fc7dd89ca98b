"""
One throw-away Airflow and one embedded PostgreSQL for the whole test run.

Airflow reads its settings when it is first imported: conftest.py imports this module before any
that imports Airflow.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from local.postgres import EmbeddedPostgres

ROOT = Path(__file__).parents[1]
HOME = Path(tempfile.mkdtemp(prefix="sparkify-tests-"))
SERVER = EmbeddedPostgres(HOME / "postgres")

for name in [name for name in os.environ if name.startswith(("AIRFLOW_", "SPARKIFY_SOURCE"))]:
    del os.environ[name]

os.environ.update(
    {
        "AIRFLOW_HOME": str(HOME / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": SERVER.uri("airflow", "postgresql+psycopg2"),
    }
)


def _end() -> None:
    SERVER.stop()
    shutil.rmtree(HOME, ignore_errors=True)


atexit.register(_end)
