"""
``make matrix``: run the quick tests on each Airflow and Python that the project supports.

Each pair gets an environment of its own, with the newest of everything that Airflow and
requirements.txt allow: constraints.txt holds for one Airflow only. Of the next Airflow, which
pyproject.toml does not admit yet, it takes the newest release, pre-releases included.
"""

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from local.terminal.errors import UserError, last_lines
from local.tools.uv import find_uv

FOLDER = Path(".local/matrix").resolve()
RELEASES = {
    # As Airflow 3.3 requires: with a newer FastAPI, 3.2 starts neither its API nor a task.
    "3.2": ["apache-airflow==3.2.*", "fastapi<0.137", "svcs<26"],
    "3.3": ["apache-airflow==3.3.*"],
    # Pre-releases are allowed only for what is named with one.
    "next": [
        "apache-airflow>=3.4.0a1",
        "apache-airflow-core>=3.4.0a1",
        "apache-airflow-task-sdk>=1.4.0a1",
    ],
}
"""What is installed of Airflow, and what it should require itself."""
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
QUICK = [
    "tests/cli",
    "tests/doctor",
    "tests/local/test_package.py",
    "tests/operators",
    "tests/policy",
    "tests/records/test_encoding.py",
    "tests/records/test_hostile_files.py",
    "tests/runs",
    "tests/schema",
    "tests/sources",
    "tests/staging",
    "tests/test_mojibake.py",
    "tests/test_window.py",
    "tests/warehouse/test_dag_runs.py",
    "tests/warehouse/test_sparkify.py",
    "--ignore=tests/policy/test_platforms.py",
]
"""The policy ring, and of the ring of meaning what takes minutes, not a quarter of an hour."""
# Another Airflow may use what other packages deprecate; the tests look for the project's own.
WARNINGS = [f"-Wignore::{kind}Warning" for kind in ("Deprecation", "Future", "User")]


class Counts(NamedTuple):
    """How many tests passed, failed, and were skipped."""

    passed: int
    failed: int
    skipped: int


@dataclass(frozen=True)
class Outcome:
    """What became of one pair; no counts if its Python is not installed."""

    airflow: str
    python: str
    seconds: float = 0
    counts: Counts | None = None


def main() -> int:
    """Run every pair that is asked for, show the table, and tell whether all passed."""
    try:
        outcomes = list(run(os.environ.get("AIRFLOW"), os.environ.get("PYTHON")))
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    show(outcomes)
    counts = [outcome.counts for outcome in outcomes if outcome.counts]
    if not counts:
        print(f"None of Python {', '.join(PYTHONS)} was found: install one.", file=sys.stderr)
    return 0 if counts and not any(found.failed for found in counts) else 1


def run(airflow: str | None, python: str | None) -> Iterator[Outcome]:
    """Test the pairs that are asked for, or all of them, one after the other."""
    for release in [airflow] if airflow else RELEASES:
        for version in [python] if python else PYTHONS:
            yield test(release, version, required=python is not None)


def test(release: str, version: str, *, required: bool) -> Outcome:
    """Test one pair; an interpreter that is not here is an error only if it is required."""
    started = time.monotonic()
    interpreter = find_python(version)
    if interpreter is None:
        if required:
            raise UserError(f"Python {version} was not found: install it, or name its path.")
        return Outcome(release, version)
    name = f"{release}-{Path(version).name}"
    print(f"{name}: installing ...", flush=True)
    folder = FOLDER / name
    installed = install(release, interpreter, folder)
    print(f"{name}: testing Airflow {installed[0]} on Python {installed[1]} ...", flush=True)
    counts = run_tests(folder)
    return Outcome(*installed, time.monotonic() - started, counts)


def find_python(version: str) -> str | None:
    """Return an interpreter that is installed; download none."""
    command = [find_uv(), "python", "find", "--no-python-downloads", "--no-project", version]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if found.returncode else found.stdout.strip()


def install(release: str, interpreter: str, folder: Path) -> tuple[str, str]:
    """Build a pair's environment, and return the versions of Airflow and Python in it."""
    uv, python = find_uv(), folder / "bin/python"
    asked = wanted(release)
    override = folder / "override.txt"
    packages = ["--requirement=requirements.txt", "--requirement=requirements-dev.txt"]
    call([uv, "venv", "--quiet", "--clear", f"--python={interpreter}", str(folder)])
    # What requirements.txt admits of Airflow does not count here.
    override.write_text("\n".join(one for one in asked if one.startswith("apache-airflow")))
    options = ["--quiet", f"--python={python}", f"--override={override}"]
    call([uv, "pip", "install", *options, *packages, *asked, "--editable=."])
    program = (
        "import platform, importlib.metadata as metadata;"
        "print(metadata.version('apache-airflow'), platform.python_version())"
    )
    airflow, version = call([str(python), "-c", program]).split()
    return airflow, version


def wanted(release: str) -> list[str]:
    """Return the requirements of a release such as 3.2, ``next``, or 3.2.1."""
    if release in RELEASES:
        return RELEASES[release]
    [series] = [one for one in RELEASES if release.startswith(f"{one}.")] or ["next"]
    return [*RELEASES[series][1:], f"apache-airflow=={release}"]


def run_tests(folder: Path) -> Counts:
    """Run the quick tests in an environment, and count."""
    report, log = folder / "results.xml", folder / "pytest.log"
    command = [str(folder / "bin/python"), "-m", "pytest", "-n", "2", "--dist=loadfile", "-q"]
    options = [
        "--no-loadscope-reorder",
        "-p",
        "no:cacheprovider",
        f"--junit-xml={report}",
        *WARNINGS,
        *QUICK,
    ]
    # Some tests install a wheel, with uv.
    path = f"{os.environ['PATH']}{os.pathsep}{Path(find_uv()).parent}"
    with log.open("w") as output:
        subprocess.run(
            [*command, *options],
            env=os.environ | {"PATH": path},
            stdout=output,
            stderr=output,
            check=False,
        )
    if not report.exists():
        raise UserError(f"No test ran. {log} ends with:\n{last_lines(log.read_text())}")
    suite = ElementTree.parse(report).getroot()[0]  # noqa: S314 - written by pytest, just now
    total, failures, errors, skipped = (
        int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")
    )
    failed = failures + errors
    if failed:
        print(f"{failed} failed: see {log}", flush=True)
    return Counts(total - failed - skipped, failed, skipped)


def call(command: list[str]) -> str:
    """Run a command and return what it prints; raise with what went wrong."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise UserError(f"{' '.join(command)} failed:\n{last_lines(ended.stderr)}")
    return ended.stdout


def show(outcomes: list[Outcome]) -> None:
    """Print the table, in the form in which docs/versions.md has it."""
    table = Table(box=box.MARKDOWN)
    for heading in ("Airflow", "Python", "passed", "failed", "skipped", "minutes"):
        table.add_column(heading)
    for outcome in outcomes:
        counts = map(str, outcome.counts) if outcome.counts else ["not installed here", "", ""]
        minutes = f"{outcome.seconds / 60:.1f}" if outcome.counts else ""
        table.add_row(outcome.airflow, outcome.python, *counts, minutes)
    Console(width=80).print(table)


if __name__ == "__main__":
    sys.exit(main())
