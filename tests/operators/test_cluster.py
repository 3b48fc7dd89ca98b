"""The DAG ``sparkify_cluster`` against moto's Redshift and IAM."""

import json
from typing import Any

import pytest

from local.servers.s3 import REGION, Storage
from sparkify.operators.create_cluster import ClusterHook
from tests.support.dags import parsed_dags

pytestmark = pytest.mark.usefixtures("airflow")


@pytest.fixture
def aws(s3: Storage, monkeypatch: pytest.MonkeyPatch) -> Storage:
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", s3.connection(region_name=REGION))
    warehouse = {"conn_type": "redshift", "login": "admin", "password": "S3cretOfTheAdmin"}
    monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", json.dumps(warehouse))
    return s3


def run(**params: Any) -> dict[str, str]:
    """The states of the tasks of one run."""
    dag = parsed_dags()["sparkify_cluster"]
    for task in dag.tasks:
        task.retries = 0
    ended = dag.test(run_conf=params)
    return {task.task_id: str(task.state) for task in ended.get_task_instances()}


def clusters(aws: Storage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws.client("redshift").describe_clusters()["Clusters"]
    return found


def test_a_clusters_life(
    aws: Storage, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    states = run(action="create", cluster="listening", bucket="the-source")
    assert states["create_cluster"] == "success"
    assert states["delete_cluster"] == "skipped"
    [cluster] = clusters(aws)
    assert cluster["MasterUsername"] == "admin"
    assert cluster["NumberOfNodes"] == 2
    assert cluster["Encrypted"] is True
    assert cluster["PubliclyAccessible"] is False
    assert [role["IamRoleArn"].rsplit("/")[-1] for role in cluster["IamRoles"]] == [
        "listening-copy"
    ]

    assert run(action="pause", cluster="listening")["pause_cluster"] == "success"
    assert clusters(aws)[0]["ClusterStatus"] == "paused"
    assert run(action="resume", cluster="listening")["resume_cluster"] == "success"
    assert clusters(aws)[0]["ClusterStatus"] == "available"

    wrong = run(action="delete", cluster="listening", confirmation="sparkify")
    assert wrong["delete_cluster"] == "failed"
    assert len(clusters(aws)) == 1
    right = run(action="delete", cluster="listening", confirmation="listening")
    assert right["delete_cluster"] == "success"
    assert clusters(aws) == []
    # Other tests may have left some of other clusters.
    found = aws.client("redshift").describe_cluster_snapshots(ClusterIdentifier="listening")
    [snapshot] = found["Snapshots"]
    assert snapshot["SnapshotIdentifier"].startswith("listening-final-20")
    said = "".join(capfd.readouterr()) + caplog.text
    assert "with its name, listening" in said
    assert "S3cretOfTheAdmin" not in said


def test_one_node_in_a_network_with_a_password_of_redshifts(
    aws: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = {"conn_type": "redshift", "login": "admin", "schema": "listening"}
    monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", json.dumps(warehouse))
    asked: dict[str, str] = {}
    call = ClusterHook.create_cluster

    def seen(hook: ClusterHook, *arguments: Any) -> Any:
        hook.conn.meta.events.register(
            "before-call.redshift.CreateCluster", lambda params, **_: asked.update(params["body"])
        )
        return call(hook, *arguments)

    monkeypatch.setattr(ClusterHook, "create_cluster", seen)
    subnets = aws.client("ec2").describe_subnets()["Subnets"][:1]
    aws.client("redshift").create_cluster_subnet_group(
        ClusterSubnetGroupName="private",
        Description="private",
        SubnetIds=[subnet["SubnetId"] for subnet in subnets],
    )
    states = run(
        action="create",
        cluster="alone",
        bucket="the-source",
        nodes=1,
        subnet_group="private",
        security_groups="sg-0a1b2c, sg-3d4e5f",
    )
    assert states["create_cluster"] == "success"
    cluster = next(one for one in clusters(aws) if one["ClusterIdentifier"] == "alone")
    assert (cluster["NumberOfNodes"], cluster["DBName"]) == (1, "listening")
    assert cluster["ClusterSubnetGroupName"] == "private"
    groups = [value for name, value in asked.items() if name.startswith("VpcSecurityGroupIds.")]
    assert groups == ["sg-0a1b2c", "sg-3d4e5f"]
    assert asked["ClusterType"] == "single-node"
    assert asked["ManageMasterPassword"] == "true"
    assert "MasterUserPassword" not in asked
    aws.client("redshift").delete_cluster(ClusterIdentifier="alone", SkipFinalClusterSnapshot=True)


def test_the_role_may_read_the_bucket_and_nothing_else(aws: Storage) -> None:
    key = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    for bucket in ("another", "the-source"):
        states = run(action="create", cluster="readers", bucket=bucket, kms_key=key)
        assert states["make_copy_role"] == "success"
    iam = aws.client("iam")
    trusted = iam.get_role(RoleName="readers-copy")["Role"]["AssumeRolePolicyDocument"]
    [statement] = trusted["Statement"]
    assert statement["Principal"]["Service"] == "redshift.amazonaws.com"
    [name] = iam.list_role_policies(RoleName="readers-copy")["PolicyNames"]
    policy = iam.get_role_policy(RoleName="readers-copy", PolicyName=name)["PolicyDocument"]
    granted = {
        (action, statement["Resource"])
        for statement in policy["Statement"]
        for action in (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
    }
    assert granted == {
        ("s3:ListBucket", "arn:aws:s3:::the-source"),
        ("s3:GetBucketLocation", "arn:aws:s3:::the-source"),
        ("s3:GetObject", "arn:aws:s3:::the-source/*"),
        ("kms:Decrypt", key),
    }
