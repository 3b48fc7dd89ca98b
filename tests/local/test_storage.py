"""The S3 on this machine: it answers whoever has its key, and nobody else of the machine."""

from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from local.servers.s3 import KEY_ID, Storage, storage
from sparkify.sources.bucket import BucketSource
from sparkify.sources.open import open_source

NAME = "a b/é+%=&.json"


@pytest.fixture
def kept(s3: Storage) -> Storage:
    if "kept" not in [bucket["Name"] for bucket in s3.client().list_buckets()["Buckets"]]:
        s3.create_bucket("kept")
    s3.client().put_object(Bucket="kept", Key=NAME, Body=b"as it was")
    return s3


def status(server: Storage, method: str, path: str, headers: dict[str, str] | None = None) -> int:
    client = HTTPConnection(urlsplit(server.endpoint).netloc, timeout=10)
    client.request(method, path, headers=headers or {})
    return client.getresponse().status


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/kept?list-type=2"),
        ("PUT", "/kept/new.json"),
        ("GET", "/moto-api/data.json"),
        ("POST", "/moto-api/reset"),
    ],
)
def test_a_request_without_a_signature_is_refused(kept: Storage, method: str, path: str) -> None:
    assert status(kept, method, path) == 403
    assert kept.client().list_objects_v2(Bucket="kept")["KeyCount"] == 1


@pytest.mark.parametrize(
    "wrong", [{"aws_access_key_id": "another"}, {"aws_secret_access_key": "another"}]
)
def test_a_request_with_another_key_is_refused(kept: Storage, wrong: dict[str, str]) -> None:
    client = kept.client(**wrong)
    with pytest.raises(ClientError, match="AccessDenied"):
        client.put_object(Bucket="kept", Key=NAME, Body=b"changed")
    with pytest.raises(ClientError, match=r"403|AccessDenied"):
        client.get_object(Bucket="kept", Key=NAME)
    with pytest.raises(ClientError, match="ListRoles"):
        kept.client("iam", **wrong).list_roles()


def test_a_signature_is_of_one_request_only(kept: Storage) -> None:
    url = kept.client().generate_presigned_url("get_object", {"Bucket": "kept", "Key": NAME})
    assert status(kept, "GET", url.removeprefix(kept.endpoint)) == 403
    seen: dict[str, str] = {}
    client = kept.client()
    client.meta.events.register("before-send.s3", lambda request, **_: seen.update(request.headers))
    client.get_object(Bucket="kept", Key=NAME)
    assert status(kept, "GET", urlsplit(url).path, seen) == 200
    assert status(kept, "GET", "/kept/other", seen) == 403


def test_every_client_of_the_project_is_let_in(
    kept: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_S3", kept.connection())
    source = open_source("s3://kept")
    assert isinstance(source, BucketSource)
    [file] = source.list("a b/")
    assert file.name == NAME
    assert kept.client().get_object(Bucket="kept", Key=NAME)["Body"].read() == b"as it was"
    source.write("written é.json", b"text")
    assert kept.client("sts").get_caller_identity()["Account"]


def test_its_key_is_its_own() -> None:
    with storage() as one, storage() as other:
        assert one.keys[KEY_ID] != other.keys[KEY_ID]
        assert one.endpoint.startswith("http://127.0.0.1:")
    with pytest.raises(ConnectionRefusedError):
        status(one, "GET", "/")
