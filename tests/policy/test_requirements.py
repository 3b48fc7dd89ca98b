"""What is asked for, what is pinned and what is locked: one story."""

import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.environment import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements(file: str) -> dict[str, Requirement]:
    """The requirements of a file, by name."""
    lines = (ROOT / file).read_text().splitlines()
    asked = [Requirement(line) for line in lines if line and line[0] not in "#-"]
    return {canonicalize_name(one.name): one for one in asked}


def version(pin: Requirement) -> str:
    [only] = pin.specifier
    assert only.operator == "==", f"{pin.name} is not pinned"
    return only.version


def test_the_package_asks_for_what_a_deployment_installs() -> None:
    asked = sorted(map(str, map(Requirement, PROJECT["dependencies"])))
    assert asked == sorted(map(str, requirements("requirements.txt").values())), (
        "Write the same ranges into requirements.txt and pyproject.toml."
    )


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_what_is_asked_for_is_locked(file: str) -> None:
    locked = requirements("constraints.txt")
    for name, asked in requirements(file).items():
        assert asked.specifier.contains(version(locked[name])), (
            f"compile constraints.txt anew: {name}"
        )


def test_every_range_has_an_end() -> None:
    for asked in requirements("requirements.txt").values():
        assert any(one.operator == "<" for one in asked.specifier), (
            f"{asked.name}: nobody has tried its next major version."
        )


def test_an_extra_is_in_the_tests() -> None:
    for extra in PROJECT["optional-dependencies"].values():
        for asked in map(Requirement, extra):
            pinned = requirements("requirements-dev.txt")[canonicalize_name(asked.name)]
            assert asked.specifier.contains(version(pinned))
