"""
One throw-away Airflow and one embedded PostgreSQL for each process that runs tests.

All that tests write is in memory, if there is room: each warehouse is some 300 files, which a disk
takes longer to make than a test takes to fill them. ``TMPDIR`` names another place.

Airflow reads its settings when it is first imported: conftest.py imports this module before any
that imports Airflow.
"""

import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

from local.servers.postgres import EmbeddedPostgres

# What the imports make stays, and the garbage collector would go through it again and again, which
# takes a fifth of their time. conftest.py switches it on again.
gc.disable()

ROOT = Path(__file__).parents[2]
MEMORY = Path("/dev/shm")  # noqa: S108 - only folders that mkdtemp and pytest make are in it
ROOM = 4 << 30


def has_room(folder: Path) -> bool:
    """Whether a folder can take all that tests write and run; a container's is often small."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    state = os.statvfs(folder)
    return not state.f_flag & os.ST_NOEXEC and state.f_bavail * state.f_frsize > ROOM


if "TMPDIR" not in os.environ and has_room(MEMORY):
    # For processes that tests start, too.
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None

HOME = Path(tempfile.mkdtemp(prefix="sparkify-tests-"))
SERVER = EmbeddedPostgres(HOME / "postgres")

# As in the Makefile: each process of Airflow's would spend seconds compiling its imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# The tests' files are small: to hand them to threads takes longer than to read them.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

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
