"""The policies of docs/iam, as moto's IAM judges them: what is needed is allowed, and no more."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from botocore.exceptions import ClientError
from moto import settings

from local.servers.s3 import Storage
from sparkify.sources.bucket import BucketSource
from sparkify.sources.open import find, open_source
from tests.support.environment import ROOT

POLICIES = ROOT / "docs" / "iam"
ROLES = {"sparkify-airflow": "airflow-tasks", "sparkify-copy": "copy-role"}
TRUSTED = {"sparkify-copy": "copy-role-trust"}
ANYBODY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}],
}
SESSION = "sts::123456789012:assumed-role/sparkify-airflow/test"
EVENTS = "log_data/2018/11/2018-11-01-events.json"


def text(name: str) -> str:
    return (POLICIES / f"{name}.json").read_text()


@pytest.fixture(scope="module")
def aws(s3: Storage) -> Storage:
    """The examples' bucket and roles."""
    s3.create_bucket("my-bucket")
    for key in (f"sparkify/{EVENTS}", "other/secret.txt"):
        s3.client().put_object(Bucket="my-bucket", Key=key, Body=b"{}")
    iam = s3.client("iam")
    for role, policy in ROLES.items():
        trust = text(TRUSTED[role]) if role in TRUSTED else json.dumps(ANYBODY)
        # AWS knows a role's sessions by the role; moto by their own names alone.
        trust = trust.replace("iam::123456789012:role/sparkify-airflow", SESSION)
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=text(policy))
    return s3


@pytest.fixture
def judged(aws: Storage, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, str]]:
    """Gives a role's credentials; from then on every request is judged."""

    def credentials(role: str) -> dict[str, str]:
        arn = f"arn:aws:iam::123456789012:role/{role}"
        given = aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        monkeypatch.setattr(settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    return credentials


@pytest.fixture
def task(
    aws: Storage, judged: Callable[[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., BucketSource]:
    """The source, as one of Airflow's tasks reaches it by the connection ``sparkify_s3``."""

    def source(**extra: str) -> BucketSource:
        for name, value in judged("sparkify-airflow").items():
            monkeypatch.setenv(name.upper(), value)
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.endpoint)
        named = json.loads(aws.connection(**extra))
        # The task's own role is the machine's.
        del named["login"], named["password"]
        monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_S3", json.dumps(named))
        return bucket_source("s3://my-bucket/sparkify")

    return source


def bucket_source(url: str) -> BucketSource:
    made = open_source(url)
    assert isinstance(made, BucketSource)
    return made


def test_a_task_lists_reads_and_writes_manifests(task: Callable[..., BucketSource]) -> None:
    its = task()
    [file] = find(its, EVENTS)
    assert its.open(file).read() == b"{}"
    bucket_source("s3://my-bucket/manifests").write("one.manifest", b"{}")
    with pytest.raises(AirflowFailException, match="is not allowed to"):
        its.write(EVENTS, b"")


def test_a_task_may_be_told_to_read_with_copys_role(task: Callable[..., BucketSource]) -> None:
    its = task(role_arn="arn:aws:iam::123456789012:role/sparkify-copy")
    [file] = find(its, EVENTS)
    assert its.open(file).read() == b"{}"
    with pytest.raises(AirflowFailException, match="is not allowed to"):
        bucket_source("s3://my-bucket/manifests").write("one.manifest", b"{}")


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (
            "sparkify-airflow",
            ["list", "get source", "put manifest", "get manifest", "put report"],
        ),
        ("sparkify-copy", ["list", "get source"]),
    ],
)
def test_no_more_than_is_needed(
    aws: Storage, judged: Callable[[str], dict[str, str]], role: str, allowed: list[str]
) -> None:
    given = judged(role)
    client = aws.client(**given)
    manifest = {"Bucket": "my-bucket", "Key": "manifests/one.manifest"}
    report = {"Bucket": "my-bucket", "Key": "reports/report.html"}
    events = {"Bucket": "my-bucket", "Key": f"sparkify/{EVENTS}"}
    requests = {
        "list": lambda: client.list_objects_v2(Bucket="my-bucket", Prefix="sparkify/"),
        "get source": lambda: client.get_object(**events),
        "put source": lambda: client.put_object(**events, Body=b""),
        "delete source": lambda: client.delete_object(**events),
        "put manifest": lambda: client.put_object(**manifest, Body=b""),
        "get manifest": lambda: client.get_object(**manifest),
        "put report": lambda: client.put_object(**report, Body=b""),
        "get report": lambda: client.get_object(**report),
        "delete manifest": lambda: client.delete_object(**manifest),
        "get another": lambda: client.get_object(Bucket="my-bucket", Key="other/secret.txt"),
        "list another": lambda: client.list_objects_v2(Bucket="another-bucket"),
        "delete the bucket": lambda: client.delete_bucket(Bucket="my-bucket"),
        "make a user": lambda: aws.client("iam", **given).create_user(UserName="x"),
    }
    assert [name for name, request in requests.items() if is_allowed(request)] == allowed


def is_allowed(request: Callable[[], Any]) -> bool:
    try:
        request()
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return False
    return True
