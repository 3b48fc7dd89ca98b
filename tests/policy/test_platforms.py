"""What a managed Airflow pins, and every processor: the requirements can be installed there."""

import itertools
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.environment import ROOT
from tests.support.sources import TestSource, play, song
from tests.support.warehouse import Warehouse

PROCESSORS = ["x86_64", "aarch64"]
PLATFORMS = ["3.2.1", "3.3.1"]
PYTHON = "3.12"
"""What they run on."""


@pytest.fixture(scope="module")
def pins() -> Path:
    """The folder of the platforms' constraints; where CI says where it is, it must be there."""
    folder = os.environ.get("SPARKIFY_PLATFORMS")
    if not folder:
        pytest.skip("SPARKIFY_PLATFORMS does not name the folder of the platforms' constraints")
    path = Path(folder).resolve()
    assert list(path.glob("*-constraints.txt")), f"SPARKIFY_PLATFORMS={folder} holds none"
    return path


def uv(*arguments: str | Path) -> str:
    # Where the machine has none, `make` has installed it beside Python.
    program = shutil.which("uv") or Path(sys.executable).with_name("uv")
    ended = subprocess.run(
        [program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def constraints(pins: Path, platform: str) -> list[str]:
    return [f"--constraint={file}" for file in sorted(pins.glob(f"mwaa-{platform}-*.txt"))]


def resolve(platform: str, processor: str, pins: Path) -> str:
    return uv(
        "pip",
        "compile",
        "--quiet",
        f"--python-version={PYTHON}",
        f"--python-platform={processor}-manylinux_2_28",
        "--only-binary=:all:",
        *constraints(pins, platform),
        "requirements.txt",
    )


def test_the_requirements_resolve(pins: Path) -> None:
    # Each waits for the package index, mostly.
    with ThreadPoolExecutor() as resolving:
        resolved = {
            (platform, processor): resolving.submit(resolve, platform, processor, pins)
            for platform, processor in itertools.product([*PLATFORMS, "none"], PROCESSORS)
        }
    for (platform, processor), found in resolved.items():
        airflow = "3.3" if platform == "none" else platform
        assert f"apache-airflow=={airflow}" in found.result()
        assert ("pgpq==" in found.result()) == (processor == "x86_64")


def test_a_day_is_loaded_where_a_platform_pins_everything(
    pins: Path,
    source: TestSource,
    warehouse: Warehouse,
    tmp_path: Path,
) -> None:
    source.events(play("2018-11-15 10:00:00"), play("2018-11-15 11:00:00", itemInSession=1))
    source.songs(song("SO1"))
    python = tmp_path / "environment/bin/python"
    uv("venv", "--quiet", f"--python={sys.executable}", python.parents[1])
    uv(
        "pip",
        "install",
        "--quiet",
        f"--python={python}",
        "--only-binary=:all:",
        *constraints(pins, "3.3.1"),
        "--requirement=requirements.txt",
    )
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite://",
        "PYTHONPATH": "plugins:.",
    }
    subprocess.run(
        [python, "tests/support/platform_trial.py"], cwd=ROOT, env=environment, check=True
    )
    assert warehouse.rows("select song_id from songplays") == [("SO1",), ("SO1",)]
