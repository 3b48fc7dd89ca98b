"""Deployments of what is built, away from the checkout, by the commands of the documents."""

import json
import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.tools.uv import find_uv
from tests.support.environment import ROOT

PROGRAMS = ROOT / "tests" / "support" / "programs"
TRIAL = ROOT / "tests" / "support" / "installed_trial.py"


@dataclass(frozen=True)
class Built:
    """What `make package` builds, once for all tests."""

    wheel: Path
    plugins: Path


@dataclass(frozen=True)
class Deployment:
    """
    An Airflow that knows nothing of the checkout.

    :param python: its interpreter
    :param home: its ``AIRFLOW_HOME``, with the folders ``dags`` and ``plugins``
    :param package: where it must find the package
    """

    python: Path
    home: Path
    package: Path

    def run(self, *arguments: str | Path) -> str:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW__", "AIRFLOW_HOME", "PYTHON"))
        }
        environment |= {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite://",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
        }
        # Safe: the folder of the program is not on its path.
        command = [self.python, "-P", *arguments]
        ended = subprocess.run(
            command, cwd=self.home, env=environment, check=False, capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def found(self, *day: str) -> Any:
        """What it finds of the project; after it has loaded a day, if there is one."""
        found = json.loads(self.run(TRIAL, *day).splitlines()[-1])
        assert Path(found["package"]).parent == self.package
        return found


def environment(home: Path) -> tuple[Path, Path]:
    """An environment with all that runs here but the project, and its site-packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    python = home / "bin" / "python"
    command = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.check_output(command, text=True).strip())
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "sparkify" not in entry.name and entry.name != "__pycache__":
            (site / entry.name).symlink_to(entry)
    return python, site


def install(python: Path, wheel: Path) -> None:
    """Install a wheel, and nothing else."""
    command = [find_uv(), "pip", "install", "--quiet", f"--python={python}"]
    subprocess.run([*command, "--no-deps", "--no-index", wheel], check=True)


def checkout(built: Built, folder: Path) -> Path:
    """A checkout in which `make package` has been run."""
    folder.mkdir(parents=True)
    for entry in ROOT.iterdir():
        if entry.name != "dist":
            (folder / entry.name).symlink_to(entry)
    (folder / "dist").symlink_to(built.wheel.parent)
    return folder


def follow(document: str, heading: str, folder: Path, **variables: str | Path) -> None:
    """
    Run the commands below a heading, those marked as sh, in a folder.

    The programs of ``tests/support/programs`` stand in for those of a cloud: they copy files into
    the folder ``CLOUD``.
    """
    text = (ROOT / "docs" / document).read_text()
    [below] = re.findall(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.M | re.S)
    commands = "".join(re.findall(r"^```sh\n(.*?)^```", below, re.M | re.S))
    assert commands
    folder.mkdir(parents=True, exist_ok=True)
    path = f"{PROGRAMS}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    known = os.environ | {name: str(value) for name, value in variables.items()} | {"PATH": path}
    subprocess.run(["sh", "-euxc", commands], cwd=folder, env=known, check=True)
