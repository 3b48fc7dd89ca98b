"""The scheduler that has imported what its tasks import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sources import TestSource, play, song
from tests.support.warehouse import Warehouse

ROOT = Path(__file__).parents[2]
THREADS = """
from pathlib import Path
from local.deployment.scheduler import prepare
prepare()
print(*(task.read_text().strip() for task in Path("/proc/self/task").glob("*/comm")))
"""
LATE_IMPORTS = """
import sys
from datetime import datetime
from airflow.dag_processing.dagbag import DagBag
from local.deployment.scheduler import prepare
from local.tools.pipeline import Pipeline
prepare()
pipeline = Pipeline(DagBag().dags["sparkify"])
before = set(sys.modules)
pipeline.run_hour(datetime.fromisoformat(sys.argv[1]))
print(*(set(sys.modules) - before))
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


def test_a_task_imports_nothing_that_takes_time(warehouse: Warehouse, source: TestSource) -> None:
    """The scheduler has imported providers, drivers, and what reads and encodes records."""
    source.events(play("2018-11-15 10:00:00"))
    source.songs(song("SOTEST01"))
    late = said(LATE_IMPORTS, "2018-11-15T10:00:00+00:00").splitlines()[-1].split()
    assert warehouse.count("songplays") == 1
    assert late
    heavy = (
        "sparkify",
        "psycopg",
        "psycopg2",
        "pgpq",
        "arro3",
        "pyarrow",
        "polars",
        "obstore",
        "orjson",
    )
    assert not [
        name
        for name in late
        if name.startswith("airflow.providers.") or name.partition(".")[0] in heavy
    ]


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
