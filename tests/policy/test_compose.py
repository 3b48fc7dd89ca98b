"""docker-compose.yaml against the settings it names, and the rules of a safe deployment."""

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sparkify.settings import DEFAULTS, STORAGE, WAREHOUSE
from tests.support.environment import ROOT

SECRETS = {
    "ADMIN_PASSWORD",
    "API_SECRET_KEY",
    "FERNET_KEY",
    "JWT_SECRET",
    "METADATA_PASSWORD",
    "REDIS_PASSWORD",
    "S3_SECRET_KEY",
    "WAREHOUSE_PASSWORD",
}
# The name, and what stands behind it: :-default or :?message.
REFERENCE = re.compile(r"(?<!\$)\$\{(\w+)(:[-?][^}]*)?\}")


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "docker-compose.yaml").read_text()


@pytest.fixture(scope="module")
def services(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    return found


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    """Every setting of .env.example, those that are commented out included."""
    return dict(
        re.findall(r"^(?:# )?([A-Z][A-Z_0-9]+)=(.*)$", (ROOT / ".env.example").read_text(), re.M)
    )


def test_every_setting_of_the_project_can_be_made_in_env(
    services: dict[str, Any], example: dict[str, str]
) -> None:
    named = {f"AIRFLOW_VAR_SPARKIFY_{name.upper()}" for name in ("source", *DEFAULTS)}
    named |= {f"AIRFLOW_CONN_{name.upper()}" for name in (WAREHOUSE, STORAGE)}
    passed = set(services["airflow-scheduler"]["environment"])
    assert named <= passed, "add them to x-airflow in docker-compose.yaml"
    assert named <= set(example), "add them to .env.example, commented out with their default"


def test_the_example_shows_the_defaults_that_hold(example: dict[str, str]) -> None:
    shown = {name: example[f"AIRFLOW_VAR_SPARKIFY_{name.upper()}"] for name in DEFAULTS}
    assert shown == DEFAULTS


def test_every_reference_is_in_the_example(text: str, example: dict[str, str]) -> None:
    named = {name for name, _ in REFERENCE.findall(text)}
    # Only those who mount other folders need to be somebody else.
    assert named - {"AIRFLOW_UID"} <= set(example)


def test_secrets_are_required_and_have_no_default(text: str, example: dict[str, str]) -> None:
    for name in SECRETS:
        behind = [rest for found, rest in REFERENCE.findall(text) if found == name]
        assert any(rest.startswith(":?") for rest in behind), (
            f"{name} must be required: ${{{name}:?}}"
        )
        assert not any(rest.startswith(":-") for rest in behind), f"{name} must have no default"
        assert example[name] == "", f"{name} must be empty in .env.example"


def test_ports_are_open_to_this_machine_only(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports), ports


def test_what_runs_cannot_change_the_project(services: dict[str, Any]) -> None:
    mounts = [mount for service in services.values() for mount in service.get("volumes", [])]
    own = {mount for mount in mounts if mount.startswith("./")}
    assert {"./dags:/opt/airflow/dags:ro", "./plugins:/opt/airflow/plugins:ro"} < own
    assert all(mount.endswith(":ro") for mount in own), own


def test_what_goes_on_is_watched_and_started_again(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if service["restart"] == "no":
            continue
        assert "healthcheck" in service, f"{name} has no health check"
        assert service["restart"] == "unless-stopped", name


def test_profiles(services: dict[str, Any]) -> None:
    by_profile: dict[str, set[str]] = {}
    for name, service in services.items():
        for profile in service.get("profiles", [""]):
            by_profile.setdefault(profile, set()).add(name)
    assert by_profile["local"] == {"warehouse", "s3", "sample", "first-load"}
    assert by_profile["celery"] == {"redis", "airflow-worker"}
    assert by_profile["redshift"] == {"redshift"}
    # Nothing that always runs waits for something that may not be there.
    for name in by_profile[""]:
        assert set(services[name].get("depends_on", {})) <= by_profile[""], name


def test_the_image_is_of_the_pinned_airflow() -> None:
    pinned = re.search(r"^apache-airflow==(.+)$", (ROOT / "constraints.txt").read_text(), re.M)
    assert pinned
    assert f"FROM apache/airflow:{pinned[1]}\n" in (ROOT / "Dockerfile").read_text()


def test_env_is_written_once_with_new_secrets(tmp_path: Path) -> None:
    script = tmp_path / "local" / "compose" / "make_env.sh"
    script.parent.mkdir(parents=True)
    script.write_text((ROOT / "local/compose/make_env.sh").read_text())
    (tmp_path / ".env.example").write_text((ROOT / ".env.example").read_text())

    def make() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", script], env={"PATH": os.defpath}, capture_output=True, text=True, check=False
        )

    assert make().returncode == 0
    written = (tmp_path / ".env").read_text()
    values = dict(re.findall(r"^([A-Z_0-9]+)=(.*)$", written, re.M))
    assert all(len(values[name]) >= 44 for name in SECRETS)
    assert len({values[name] for name in SECRETS}) == len(SECRETS)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600

    again = make()
    assert again.returncode == 1
    assert ".env exists already" in again.stderr
    assert (tmp_path / ".env").read_text() == written


IMAGE = (ROOT / "Dockerfile").read_text().partition("FROM ")[2].split()[0]
NO_ENGINE = 'echo "Cannot connect to the Docker daemon." >&2; exit 1'
# An engine answers, but nothing can be pulled.
NO_IMAGES = """case "$*" in
info) ;;
*images) echo postgres:17 ;;
*) echo "no route to the registry" >&2; exit 1 ;;
esac"""


@pytest.mark.parametrize(
    ("docker", "said"),
    [
        (NO_ENGINE, "no Docker engine is running (docker info)."),
        (NO_IMAGES, f"the image {IMAGE} is not available: no route to the registry"),
    ],
    ids=["engine", "images"],
)
def test_what_cannot_be_tried_is_said(tmp_path: Path, docker: str, said: str) -> None:
    stub = tmp_path / "docker"
    stub.write_text(f"#!/bin/sh\n{docker}\n")
    stub.chmod(0o755)
    ended = subprocess.run(
        ["bash", ROOT / "local/compose/try.sh"],
        env={"PATH": f"{tmp_path}:{os.defpath}", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout == f"docker-compose.yaml was not tested: {said}\n", ended.stderr
    assert ended.returncode == 75
    assert list(tmp_path.iterdir()) == [stub]
