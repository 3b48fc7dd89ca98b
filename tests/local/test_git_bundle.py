"""A Git bundle, as docs/managed-airflow.md configures it: what Airflow reads, and when."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from local.servers.databases import database
from local.servers.postgres import EmbeddedPostgres
from tests.support.environment import ROOT

IDENTITY = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]


def git(folder: Path, *arguments: str | Path) -> str:
    command = ["git", "-C", folder, *IDENTITY, *arguments]
    return subprocess.check_output(command, text=True).strip()


def commit(folder: Path) -> str:
    """Commit and push what a folder holds; return the commit's name."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=A change")
    git(folder, "push", "--quiet", "origin", "main")
    return git(folder, "rev-parse", "HEAD")


def bundle() -> str:
    """The bundle's configuration, as the document exports it."""
    text = (ROOT / "docs" / "managed-airflow.md").read_text()
    [exported] = re.findall(r"DAG_BUNDLE_CONFIG_LIST='(.*?)'", text, re.DOTALL)
    return str(exported)


def test_each_commit_is_what_airflow_reads_next(
    airflow: str, server: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin, work = tmp_path / "origin.git", tmp_path / "work"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", origin)
    git(tmp_path, "clone", "--quiet", origin, work)
    git(work, "checkout", "--quiet", "-B", "main")
    shutil.copytree(
        ROOT / "dags", work / "dags", ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
    )
    monkeypatch.setenv(
        "AIRFLOW_CONN_SPARKIFY_GIT", json.dumps({"conn_type": "git", "host": str(origin)})
    )
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", bundle())
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "bundles"))
    with database(server, "git_bundle", like=airflow) as name:
        uri = server.uri(name, "postgresql+psycopg2")
        monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", uri)

        def read() -> set[tuple[str, str]]:
            """The DAGs and their commits, once the DAG processor has read each file."""
            command = [sys.executable, "-m", "airflow", "dag-processor", "--num-runs=1"]
            subprocess.run(command, env=os.environ, check=True, capture_output=True)
            with psycopg.connect(server.uri(name)) as client:
                select = "select dag_id, bundle_version from dag where bundle_name = 'sparkify'"
                return set(client.execute(select).fetchall())

        dags = {file.stem for file in ROOT.glob("dags/*.py")}
        first = commit(work)
        assert read() == {(dag_id, first) for dag_id in dags}
        report = work / "dags" / "sparkify_report.py"
        report.write_text(f"{report.read_text()}\n# A change.\n")
        second = commit(work)
        assert read() == {(dag_id, second) for dag_id in dags}
