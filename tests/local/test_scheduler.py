"""The scheduler that has imported what its tasks import."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
THREADS = """
import importlib, os
from pathlib import Path
from local.scheduler import SHARED
for module in SHARED:
    importlib.import_module(module)
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


def said(program: str) -> str:
    words = [sys.executable, "-W", "ignore", "-c", program]
    return subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux names the threads")
def test_no_thread_that_a_fork_would_miss_is_started() -> None:
    """What polars works with; the others tidy up, and a task is too short for that."""
    threads = said(THREADS).split()
    assert not [name for name in threads if name.startswith(("polars-0", "tokio", "async"))]


def test_a_process_forked_after_the_import_parses() -> None:
    assert said(FORKED).strip() == "0"
