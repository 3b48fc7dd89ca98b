"""
One throw-away Airflow and one embedded PostgreSQL for each process that runs tests.

Airflow reads its settings when it is first imported: conftest.py imports this module before any
that imports Airflow.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from local.servers.postgres import EmbeddedPostgres

ROOT = Path(__file__).parents[2]
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


def end() -> None:
    """Leave nothing running, and nothing lying about."""
    if airflow := sys.modules.get("airflow.settings"):
        # It would do so itself, later, and miss the server.
        airflow.dispose_orm()
    SERVER.stop()
    shutil.rmtree(HOME, ignore_errors=True)


def let_the_server_pass(folder: Path) -> None:
    """Where tests run as root, PostgreSQL has an account of its own: let it reach the folder."""
    for parent in (folder, *folder.parents):
        if parent == Path(tempfile.gettempdir()):
            return
        parent.chmod(0o755)
