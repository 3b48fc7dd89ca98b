"""The policies of docs/iam, as moto's IAM judges them: what is needed is allowed, and no more."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from botocore.exceptions import ClientError
from moto import settings
from moto.iam.access_control import IAMPolicy, IAMRequestBase, PermissionResult
from moto.iam.responses import IamResponse
from moto.redshift.responses import RedshiftResponse

from local.servers.s3 import REGION, Storage
from sparkify.sources.bucket import BucketSource
from sparkify.sources.open import find, open_source
from tests.support.dags import parsed_dags
from tests.support.environment import ROOT

POLICIES = ROOT / "docs" / "iam"
ROLES = {
    "sparkify-airflow": "airflow-tasks",
    "sparkify-copy": "copy-role",
    "sparkify-admin": "cluster-admin",
}
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


def test_the_doctor_removes_what_it_wrote(task: Callable[..., BucketSource]) -> None:
    task()
    place = bucket_source("s3://my-bucket/manifests/sparkify_doctor_1")
    place.write("good.json", b"{}")
    place.delete("good.json")
    assert list(place.list("")) == []


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


ACCOUNT = "123456789012"
KMS_KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
REDSHIFT = f"arn:aws:redshift:eu-west-1:{ACCOUNT}"
WORKGROUP = (
    f"arn:aws:redshift-serverless:eu-west-1:{ACCOUNT}"
    ":workgroup/66666666-7777-8888-9999-000000000000"
)
COPY_ROLE = f"arn:aws:iam::{ACCOUNT}:role/sparkify-copy"
SECRET = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:redshift!sparkify-admin-AbCdEf"

# What moto does not ask IAM about, as AWS documents it: who needs it, and neighbours nobody needs.
NEEDED = {
    "airflow-tasks": [
        ("kms:Decrypt", KMS_KEY),
        ("kms:GenerateDataKey", KMS_KEY),
        ("redshift:GetClusterCredentials", f"{REDSHIFT}:dbuser:my-cluster/loader"),
        ("redshift:GetClusterCredentials", f"{REDSHIFT}:dbname:my-cluster/dev"),
        ("redshift-serverless:GetCredentials", WORKGROUP),
    ],
    "copy-role": [("kms:Decrypt", KMS_KEY)],
    "cluster-admin": [
        ("iam:PassRole", COPY_ROLE),
        ("ec2:DescribeSecurityGroups", "*"),
        ("ec2:DescribeSubnets", "*"),
        ("ec2:DescribeVpcs", "*"),
        ("secretsmanager:CreateSecret", SECRET),
        ("secretsmanager:GetRandomPassword", "*"),
    ],
}
NEIGHBOURS = [
    ("kms:Decrypt", f"{KMS_KEY[:-1]}6"),
    ("kms:Encrypt", KMS_KEY),
    ("redshift:GetClusterCredentials", f"{REDSHIFT}:dbuser:my-cluster/admin"),
    ("redshift:GetClusterCredentials", f"{REDSHIFT}:dbname:my-cluster/another"),
    ("redshift:CreateClusterUser", f"{REDSHIFT}:dbuser:my-cluster/loader"),
    ("redshift-serverless:GetCredentials", f"{WORKGROUP[:-1]}1"),
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/another"),
    ("secretsmanager:GetSecretValue", SECRET),
]


@pytest.mark.parametrize("policy", NEEDED)
def test_keys_logins_and_roles_are_granted_to_whom_they_are_needed_by(policy: str) -> None:
    every = {*NEIGHBOURS, *(pair for pairs in NEEDED.values() for pair in pairs)}
    document = IAMPolicy(text(policy))
    granted = {pair for pair in every if is_granted(document, *pair)}
    assert granted == set(NEEDED[policy])


def is_granted(
    document: IAMPolicy, action: str, resource: str, service: str = "redshift.amazonaws.com"
) -> bool:
    context = {"iam:PassedToService": service, "iam:AWSServiceName": service}
    judged = document.is_action_permitted(action, resource, None, context)
    return bool(judged == PermissionResult.PERMITTED)


def test_the_role_is_passed_to_redshift_alone() -> None:
    document = IAMPolicy(text("cluster-admin"))
    assert is_granted(document, "iam:PassRole", COPY_ROLE)
    assert not is_granted(document, "iam:PassRole", COPY_ROLE, "lambda.amazonaws.com")


@pytest.mark.usefixtures("airflow")
def test_the_cluster_dag_needs_what_its_policy_grants(
    aws: Storage, judged: Callable[[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Moto judges actions; the resources are those that AWS documents.
    clusters, roles = (
        lambda response: f"{REDSHIFT}:cluster:{response._get_param('ClusterIdentifier')}",
        lambda response: f"arn:aws:iam::{ACCOUNT}:role/{response._get_param('RoleName')}",
    )
    monkeypatch.setattr(RedshiftResponse, "_determine_resource", clusters, raising=False)
    monkeypatch.setattr(IamResponse, "_determine_resource", roles, raising=False)
    asked: set[str] = set()
    judge = IAMRequestBase.check_action_permitted

    def recorded(request: IAMRequestBase, resource: str) -> None:
        asked.add(request._action)
        judge(request, resource)

    monkeypatch.setattr(IAMRequestBase, "check_action_permitted", recorded)
    given = judged("sparkify-admin")
    connection = json.loads(aws.connection(region_name=REGION)) | {
        "login": given["aws_access_key_id"],
        "password": given["aws_secret_access_key"],
    }
    connection["extra"]["aws_session_token"] = given["aws_session_token"]
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    warehouse = {"conn_type": "redshift", "login": "admin"}
    monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", json.dumps(warehouse))

    def run(**params: str) -> str:
        dag = parsed_dags()["sparkify_cluster"]
        for task in dag.tasks:
            task.retries = 0
        return str(dag.test(run_conf=params).state)

    for action in ("create", "pause", "resume"):
        assert run(action=action, cluster="sparkify", bucket="my-bucket") == "success", action
    assert run(action="delete", cluster="sparkify", confirmation="sparkify") == "success"
    assert run(action="create", cluster="another", bucket="my-bucket") == "failed"

    granted = {
        action
        for statement in json.loads(text("cluster-admin"))["Statement"]
        for action in statement["Action"]
        if action.startswith("redshift:") or statement["Sid"] == "CreateTheCopyRole"
    }
    assert granted == asked - {"sts:GetCallerIdentity"}
