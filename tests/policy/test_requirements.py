"""What is asked for, what is pinned and what is locked: one story."""

import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.environment import ROOT


def pins(file: str) -> dict[str, Requirement]:
    """The requirements of a file, by name."""
    lines = (ROOT / file).read_text().splitlines()
    told = [Requirement(line) for line in lines if line and line[0] not in "#-"]
    return {canonicalize_name(one.name): one for one in told}


def version(pin: Requirement) -> str:
    [only] = pin.specifier
    assert only.operator == "==", f"{pin.name} is not pinned"
    return only.version


def test_the_package_is_at_home_in_the_deployment() -> None:
    pinned = pins("requirements.txt")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for asked in map(Requirement, project["dependencies"]):
        pin = pinned[canonicalize_name(asked.name)]
        assert asked.specifier.contains(version(pin)), f"{pin} is not what pyproject.toml allows"
        assert asked.extras <= pin.extras


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_what_is_pinned_is_locked(file: str) -> None:
    locked = pins("constraints.txt")
    for name, pin in pins(file).items():
        assert version(locked[name]) == version(pin), f"compile constraints.txt anew: {name}"
