"""What `make package` builds is the whole project wherever it is deployed: the SQL above all."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from local.terminal.errors import UserError
from local.tools.package import DATE, MWAA, build, package, write_requirements, zip_plugins
from tests.support.deployed import (
    Built,
    Deployment,
    checkout,
    environment,
    follow,
    install,
)
from tests.support.environment import ROOT
from tests.support.sources import TestSource, play
from tests.support.warehouse import Warehouse

PACKAGE = ROOT / "plugins" / "sparkify"
SQL = {f"sparkify/{file.relative_to(ROOT).as_posix()}" for file in ROOT.glob("sql/**/*.sql")}
STATIC = {file.name for file in (PACKAGE / "page" / "static").iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("dist")
    write_requirements(ROOT, folder, list(MWAA)[-1])
    return Built(*package(ROOT, folder))


def by_wheel(built: Built, folder: Path) -> Deployment:
    """The package is installed, and dags/ alone deployed: plain pip's, or a Git bundle's."""
    python, site = environment(folder / "environment")
    install(python, built.wheel)
    shutil.copytree(ROOT / "dags", folder / "home" / "dags")
    return Deployment(python, folder / "home", site / "sparkify")


def by_mwaa(built: Built, folder: Path) -> Deployment:
    """What the commands upload: MWAA unzips plugins.zip into the plugins folder."""
    python, _ = environment(folder / "environment")
    here = checkout(built, folder / "checkout")
    follow("managed-airflow.md", "Amazon MWAA", here, CLOUD=folder, BUCKET="bucket")
    home = folder / "s3" / "bucket"
    assert (home / "requirements.txt").read_text().startswith("--constraint ")
    with ZipFile(home / "plugins.zip") as zipped:
        zipped.extractall(home / "plugins")
    return Deployment(python, home, home / "plugins" / "sparkify")


def by_astro(built: Built, folder: Path) -> Deployment:
    """The project's image, with the DAGs that Astro's CLI uploads."""
    python, _ = environment(folder / "environment")
    here = checkout(built, folder / "checkout")
    follow("managed-airflow.md", "Astronomer", folder / "empty", CLOUD=folder, SPARKIFY=here)
    shutil.move(folder / "dags", folder / "image" / "dags")
    return Deployment(python, folder / "image", folder / "image" / "plugins" / "sparkify")


Deploy = Callable[[Built, Path], Deployment]


def names(file: Path) -> set[str]:
    with ZipFile(file) as zipped:
        return set(zipped.namelist())


def stems(folder: str) -> list[str]:
    return sorted(file.stem for file in (ROOT / folder).glob("*.sql"))


@pytest.mark.parametrize("deploy", [by_wheel, by_mwaa, by_astro])
def test_all_of_it_is_deployed_and_loads_a_day(
    deploy: Deploy, built: Built, tmp_path: Path, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    found = deploy(built, tmp_path).found("2018-11-15", "2018-11-16")
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
    assert ours == ([] if deploy is by_wheel else ["sparkify"])
    assert warehouse.rows("select count(*) from songplays") == [(1,)]


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
        (by_mwaa, empty, "sql/audit", "The folder {} holds no SQL files: "),
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


def test_an_airflow_that_mwaa_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"MWAA=3\.0\.6 is none of 3\.2\.1, 3\.3\.1"):
        write_requirements(ROOT, tmp_path, "3.0.6")


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
