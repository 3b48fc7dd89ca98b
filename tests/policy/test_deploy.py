"""``deploy/``: what it repeats of the project is the same, and no secret is in it."""

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement

from sparkify import __version__
from sparkify.versions import SUPPORTED
from tests.support.environment import ROOT

HELM = ROOT / "deploy" / "helm"
SETS = [
    ["values.yaml"],
    ["values.yaml", "celery.yaml"],
    ["values.yaml", "git-bundle.yaml"],
    ["values.yaml", "celery.yaml", "git-bundle.yaml"],
]


def merged(values: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """The values with others over them, as Helm merges files."""
    both = values | over
    for key in values.keys() & over.keys():
        if isinstance(values[key], dict) and isinstance(over[key], dict):
            both[key] = merged(values[key], over[key])
    return both


def values(files: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for file in files:
        found = merged(found, yaml.safe_load((HELM / file).read_text()))
    return found


def test_the_version_is_the_changelogs_newest_and_that_of_the_image() -> None:
    [newest, *_] = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    pages = [HELM / "values.yaml", ROOT / "docs" / "managed-airflow.md"]
    images = re.findall(
        r"sparkify-airflow(?::|\n +tag: )(\S+)", "".join(map(Path.read_text, pages))
    )
    assert newest == __version__
    assert len(images) == 3
    assert set(images) == {__version__}


def test_the_version_that_is_supported_is_the_one_that_is_required() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [airflow] = [
        one.specifier
        for one in map(Requirement, project["dependencies"])
        if one.name == "apache-airflow"
    ]
    assert airflow == SUPPORTED


def test_astronomers_project_asks_for_what_a_deployment_installs() -> None:
    def others(file: Path) -> set[str]:
        asked = map(Requirement, tomllib.loads(file.read_text())["project"]["dependencies"])
        return {str(one) for one in asked if one.name != "apache-airflow"}

    manifest = ROOT / "deploy" / "astronomer" / "pyproject.toml"
    assert others(manifest) == others(ROOT / "pyproject.toml")


def test_the_chart_runs_the_airflow_of_the_image() -> None:
    image = (ROOT / "Dockerfile").read_text()
    assert f"FROM apache/airflow:{values(SETS[0])['airflowVersion']}\n" in image


@pytest.mark.parametrize("files", SETS, ids=" ".join)
def test_secrets_are_references_and_every_pod_has_a_size(files: list[str]) -> None:
    asked = values(files)
    names = ("fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName")
    assert all(asked[name] for name in names)
    assert asked["data"].keys() <= {"metadataSecretName", "brokerUrlSecretName"}
    assert "AIRFLOW_CONN_SPARKIFY_WAREHOUSE" in {one["envName"] for one in asked["secret"]}
    assert not asked["createUserJob"]["enabled"], "its user is admin, with that password"
    sized = [asked[name] for name in ("scheduler", "dagProcessor", "apiServer", "triggerer")]
    sized += [asked["migrateDatabaseJob"], asked["workers"]["kubernetes"]]
    if "celery.yaml" in files:
        sized += [asked["redis"], asked["workers"]["celery"]]
    for part in sized:
        assert part["resources"]["requests"].keys() == {"cpu", "memory"}
        assert part["resources"]["limits"].keys() == {"memory"}


# Defined only where the chart is, as in the workflow: it is not part of this repository.
if "HELM_CHART" in os.environ:
    SCHEMA = json.loads(Path(os.environ["HELM_CHART"], "values.schema.json").read_text())

    @pytest.mark.parametrize("files", SETS, ids=" ".join)
    def test_the_values_are_the_charts(files: list[str]) -> None:
        jsonschema.validate(values(files), SCHEMA)
