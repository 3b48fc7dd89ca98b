"""What `make package` builds is the whole project wherever it is deployed: the SQL above all."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from local.tools.package import DATE, build, package, zip_plugins
from tests.support.environment import ROOT

PACKAGE = ROOT / "plugins" / "sparkify"
SQL = {f"sparkify/{file.relative_to(ROOT).as_posix()}" for file in ROOT.glob("sql/**/*.sql")}
STATIC = {file.name for file in (PACKAGE / "page" / "static").iterdir()}
TRIAL = ROOT / "tests" / "support" / "installed_trial.py"


@dataclass(frozen=True)
class Built:
    """What is built, once for all tests."""

    wheel: Path
    plugins: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(*package(ROOT, tmp_path_factory.mktemp("dist")))


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
            if not name.startswith(("AIRFLOW", "PYTHON"))
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

    def found(self) -> Any:
        """What it finds of the project."""
        found = json.loads(self.run(TRIAL).splitlines()[-1])
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
    """Install a wheel by what this environment was installed by."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    command = (
        [uv, "pip", "install", "--quiet", f"--python={python}"]
        if uv
        else [sys.executable, "-m", "pip", f"--python={python}", "install", "--quiet"]
    )
    subprocess.run([*command, "--no-deps", "--no-index", wheel], check=True)


def by_wheel(built: Built, folder: Path) -> Deployment:
    """The package is installed, and dags/ alone deployed: Astronomer's, or a Git bundle's."""
    python, site = environment(folder / "environment")
    install(python, built.wheel)
    shutil.copytree(ROOT / "dags", folder / "home" / "dags")
    return Deployment(python, folder / "home", site / "sparkify")


def by_plugins(built: Built, folder: Path) -> Deployment:
    """The package is unzipped into the plugins folder: Amazon MWAA's."""
    python, _ = environment(folder / "environment")
    plugins = folder / "home" / "plugins"
    with ZipFile(built.plugins) as zipped:
        zipped.extractall(plugins)
    # As docs/managed-airflow.md has it.
    shutil.copytree(ROOT / "dags", folder / "home" / "dags" / "sparkify")
    return Deployment(python, folder / "home", plugins / "sparkify")


Deploy = Callable[[Built, Path], Deployment]


def names(file: Path) -> set[str]:
    with ZipFile(file) as zipped:
        return set(zipped.namelist())


def stems(folder: str) -> list[str]:
    return sorted(file.stem for file in (ROOT / folder).glob("*.sql"))


@pytest.mark.parametrize("deploy", [by_wheel, by_plugins])
def test_all_of_it_is_deployed(deploy: Deploy, built: Built, tmp_path: Path) -> None:
    found = deploy(built, tmp_path).found()
    assert found["errors"] == []
    assert found["dags"] == sorted(file.stem for file in ROOT.glob("dags/*.py"))
    assert found["checks"] == {
        "audit_staged": stems("sql/audit"),
        "check_quality": stems("sql/quality"),
    }
    assert found["questions"] == stems("sql/questions")
    assert found["files"].keys() == STATIC | {"plotly.js"}
    assert all(found["files"].values())
    # A wheel adds no page to the web UI: that takes the plugins folder.
    ours = [plugin for plugin in found["plugins"] if plugin != "OpenLineageProviderPlugin"]
    assert ours == (["sparkify"] if deploy is by_plugins else [])


def test_the_wheel_adds_the_commands(built: Built, tmp_path: Path) -> None:
    deployment = by_wheel(built, tmp_path)
    shown = deployment.run("-m", "airflow", "dags", "backfill", "--help")
    assert "--reset-dagruns" in shown


def empty(folder: Path) -> None:
    for file in folder.glob("*.sql"):
        file.unlink()


@pytest.mark.parametrize(
    ("deploy", "remove", "folder", "sentence"),
    [
        (by_wheel, shutil.rmtree, "sql", "There are no SQL files in {} or "),
        (by_plugins, empty, "sql/audit", "The folder {} holds no SQL files: "),
    ],
    ids=["missing", "empty"],
)
def test_no_sql_is_an_import_error(
    deploy: Deploy,
    remove: Callable[[Path], None],
    folder: str,
    sentence: str,
    built: Built,
    tmp_path: Path,
) -> None:
    deployment = deploy(built, tmp_path)
    remove(deployment.package / folder)
    found = deployment.found()
    assert "sparkify" not in found["dags"]
    expected = sentence.format(deployment.package / folder)
    assert any(expected in error for error in found["errors"]), found["errors"]


def test_the_wheel_and_the_zip_have_the_same_package(built: Built) -> None:
    installed = {name for name in names(built.wheel) if ".dist-info/" not in name}
    assert {name for name in installed if name.startswith("sparkify/sql/")} == SQL
    assert names(built.plugins) == installed | {".airflowignore", "sparkify_page.py"}
    assert not [name for name in installed if "__pycache__" in name]


def test_equal_content_makes_an_equal_zip(built: Built, tmp_path: Path) -> None:
    again = zip_plugins(ROOT / "plugins", built.wheel, tmp_path / "plugins.zip")
    assert again.read_bytes() == built.plugins.read_bytes()
    with ZipFile(again) as zipped:
        assert {entry.date_time for entry in zipped.infolist()} == {DATE}
        assert zipped.namelist() == sorted(zipped.namelist())


def test_the_sdist_makes_the_same_wheel(built: Built, tmp_path: Path) -> None:
    sdist = build(ROOT, tmp_path, "sdist")
    shutil.unpack_archive(sdist, tmp_path, filter="data")
    folder = tmp_path / sdist.name.removesuffix(".tar.gz")
    assert names(build(folder, tmp_path, "wheel")) == names(built.wheel)


def test_an_installation_in_place_has_no_sql_of_its_own(tmp_path: Path) -> None:
    # It would be a copy that nobody keeps up to date.
    program = "import sys; from hatchling.build import build_editable; build_editable(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", program, tmp_path], cwd=ROOT, check=True, capture_output=True
    )
    [wheel] = tmp_path.glob("*.whl")
    assert not [name for name in names(wheel) if name.endswith(".sql")]
