"""The scheduler that has imported what its tasks import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
THREADS = """
import importlib, sys
from pathlib import Path
from local.deployment.scheduler import AIRFLOW_MODULES, STAGING, preload
for module in AIRFLOW_MODULES:
    importlib.import_module(module)
sys.path.insert(0, "plugins")
preload("sparkify", Path("dags/sparkify.py"), STAGING)
print(*(task.read_text().strip() for task in Path("/proc/self/task").glob("*/comm")))
"""
FORKED = """
import polars
from multiprocessing import get_context
def parse(line):
    return polars.read_ndjson(line).height
if __name__ == "__main__":
    child = get_context("fork").Process(target=parse, args=(b'{"ts": 1}',))
    child.start()
    child.join(30)
    print(child.exitcode)
"""


EDITED = """
import sys
from multiprocessing import get_context
from pathlib import Path
from local.deployment.scheduler import preload
folder = Path(sys.argv[1])
sys.path.insert(0, str(folder))
file = folder / "ours" / "words.py"
def tell():
    from ours.words import WORD
    print(WORD, "ours.words" in before, flush=True)
def forked():
    child = get_context("fork").Process(target=tell)
    child.start()
    child.join(30)
dag_file = folder / "dag.py"
dag_file.write_text("from ours.words import WORD")
preload("ours", dag_file)
before = set(sys.modules)
forked()
file.write_text("WORD = 'edited'")
forked()
"""


def said(program: str, *arguments: str) -> str:
    words = [sys.executable, "-W", "ignore", "-B", "-c", program, *arguments]
    return subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux names the threads")
def test_no_thread_that_a_fork_would_miss_is_started() -> None:
    """What polars works with; the others tidy up, and a task is too short for that."""
    threads = said(THREADS).split()
    assert not [name for name in threads if name.startswith(("polars-0", "tokio", "async"))]


def test_a_process_forked_after_the_import_parses() -> None:
    assert said(FORKED).strip() == "0"


def test_what_is_edited_is_imported_anew_by_the_next_task(tmp_path: Path) -> None:
    package = tmp_path / "ours"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "words.py").write_text("WORD = 'as it was'")
    long_ago = 1_500_000_000
    for file in package.glob("*.py"):
        os.utime(file, (long_ago, long_ago))
    assert said(EDITED, str(tmp_path)).splitlines() == ["as it was True", "edited True"]
