"""``make run WAREHOUSE=redshift`` without its Airflow: the stand-in, its S3 and its database."""

import json
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
import redshift_connector
from botocore.exceptions import ClientError

from local.deployment.deployment import Deployment
from local.deployment.layout import Layout
from local.terminal.errors import UserError
from tests.support.environment import ROOT, let_the_server_pass


def test_the_source_is_in_an_s3_that_only_the_deployment_reads(tmp_path: Path) -> None:
    let_the_server_pass(tmp_path)
    source = tmp_path / "It's mine"
    source.mkdir()
    (source / "one.json").write_text("{}")
    deployment = Deployment(Layout(tmp_path / "project"), 8080, source.as_uri(), on_redshift=True)
    deployment.layout = Layout(ROOT)  # whose plugins its processes import
    assert deployment.database
    assert deployment.database.startswith("sparkify_it_s_mine_")
    assert deployment.exported["AIRFLOW_VAR_SPARKIFY_SOURCE"] == "s3://sparkify/it_s_mine"
    try:
        deployment.postgres.start()
        deployment.create_warehouse()
        deployment.start_stand_in()

        s3 = json.loads(deployment.exported["AIRFLOW_CONN_SPARKIFY_S3"])
        assert keys(s3) == ["it_s_mine/one.json"]
        with pytest.raises(ClientError, match="AccessDenied"):
            keys(s3 | {"password": "another"})
        redshift = json.loads(deployment.exported["AIRFLOW_CONN_SPARKIFY_WAREHOUSE"])
        client = redshift_connector.connect(
            host=redshift["host"],
            port=redshift["port"],
            user=redshift["login"],
            password=redshift["password"],
            database=redshift["schema"],
            ssl=False,
        )
        with client, client.cursor() as cursor:
            cursor.execute("select current_database()")
            assert list(cursor.fetchall()[0]) == [deployment.database]
        for pid in deployment.services.running().values():
            assert redshift["password"] not in " ".join(psutil.Process(pid).cmdline())
    finally:
        deployment.services.stop()
        deployment.postgres.stop()


def keys(connection: dict[str, Any]) -> list[str]:
    client = boto3.client(
        "s3",
        endpoint_url=connection["extra"]["endpoint_url"],
        region_name="us-west-2",
        aws_access_key_id=connection["login"],
        aws_secret_access_key=connection["password"],
    )
    return [entry["Key"] for entry in client.list_objects_v2(Bucket="sparkify")["Contents"]]


def test_a_warehouse_of_one_s_own_beside_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", "postgres://me@mine/dev")
    with pytest.raises(UserError, match="unset one of them"):
        Deployment(Layout(tmp_path), 8080, "file:///source", on_redshift=True)
