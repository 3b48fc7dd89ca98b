"""A source in S3: the same as one in a folder, and what it says when it cannot be read."""

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from local.tools.pipeline import Pipeline
from sparkify.sources.base import SourceFile
from sparkify.sources.bucket import BucketSource
from sparkify.sources.open import find, open_source, read
from tests.support.sources import Bucket, TestSource, play, song
from tests.support.warehouse import Warehouse

DAY = ("2018-11-15", "2018-11-16")
EVENTS = "log_data/2018/11/2018-11-15-events.json"


def test_a_bucket_is_loaded_like_a_folder(
    pipeline: Pipeline, bucket: Bucket, tmp_path: Path, warehouse: Warehouse
) -> None:
    folder = TestSource(tmp_path / "folder")
    folder.events(play("2018-11-15 10:00:00"), play("2018-11-15 10:01:00", itemInSession=1))
    folder.songs(song("SO1"), song("SO2", title="Zażółć"))
    bucket.fill(folder)
    skipped = pipeline.run(*DAY)
    assert skipped == set()
    assert warehouse.column("select song_id from songplays") == ["SO1", "SO1"]
    assert warehouse.count("songs") == 2
    assert warehouse.column("select distinct source from file_ledger") == [bucket.url]


def test_what_is_written_can_be_deleted(bucket: Bucket) -> None:
    source = open_source(bucket.url)
    assert isinstance(source, BucketSource)
    source.write("one.json", b"{}")
    source.write("two.json", b"{}")
    source.delete("one.json")
    assert [file.name for file in source.list("")] == ["two.json"]
    with pytest.raises(AirflowFailException, match="s3://nowhere/x cannot be deleted: the bucket"):
        BucketSource("nowhere", "").delete("x")


def test_songs_that_did_not_change_are_not_read_again(
    pipeline: Pipeline, bucket: Bucket, warehouse: Warehouse
) -> None:
    bucket.put("song_data/A/TRSO1.json", json.dumps(song("SO1")))
    bucket.put("song_data/A/TRSO2.json", json.dumps(song("SO2")))
    pipeline.run(*DAY)
    assert "stage_songs" in pipeline.run(*DAY)
    bucket.put("song_data/A/TRSO2.json", json.dumps(song("SO2", year=1999)))
    assert "stage_songs" not in pipeline.run(*DAY)
    assert warehouse.rows("select song_id, year from songs order by 1") == [
        ("SO1", None),
        ("SO2", 1999),
    ]


def test_a_neighbour_of_the_prefix_and_a_folder_made_by_hand_are_no_files(bucket: Bucket) -> None:
    bucket.put("song_data/A/one.json", "{}")
    bucket.put("song_data/", "")
    bucket.client.put_object(Bucket=bucket.name, Key="app_old/song_data/A/two.json", Body=b"{}")
    names = [file.name for file in open_source(bucket.url).list("")]
    assert names == ["song_data/A/one.json"]
    assert find(open_source(f"{bucket.url}/"), "song_data/**/*.json")[0].url == (
        f"s3://{bucket.name}/app/song_data/A/one.json"
    )


def test_a_listing_of_several_pages_is_read_to_its_end(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    for number in range(5):
        bucket.put(f"song_data/{number}", "")
    assert len(list(open_source(bucket.url).list("song_data/"))) == 5


def test_a_compressed_object_is_read_by_its_name(bucket: Bucket) -> None:
    text = b"x" * (3 << 20)
    bucket.put("log.json.gz", gzip.compress(text))
    source = open_source(bucket.url)
    [file] = source.list("")
    with read(source, file) as content:
        assert content.read(len(text)) == text
        assert content.read(1) == b""


def test_an_object_that_changed_has_another_etag(bucket: Bucket) -> None:
    source = open_source(bucket.url)
    bucket.put("a.json", "1")
    [before] = source.list("")
    bucket.put("a.json", "2")
    [after] = source.list("")
    assert before.etag != after.etag


def test_a_bucket_that_is_not_there_says_what_to_set(bucket: Bucket) -> None:
    with pytest.raises(AirflowFailException, match=r"s3://nowhere-at-all .*sparkify_source"):
        list(open_source("s3://nowhere-at-all").list(""))


def test_a_name_that_no_bucket_can_have_is_refused(bucket: Bucket) -> None:
    with pytest.raises(AirflowFailException, match="no valid name of a bucket") as refused:
        list(open_source("s3://bucket:with/x").list(""))
    assert str(refused.value).startswith("s3://bucket:with cannot be listed: ")
    assert "regex" not in str(refused.value)


REFUSALS = {
    "InvalidAccessKeyId": "does not know the access key. Set a valid login and password",
    "SignatureDoesNotMatch": "secret does not belong to the access key",
    "ExpiredToken": "session token has expired. Set a new one in the connection sparkify_s3",
    "AccessDenied": "s3:GetObject",
    "AuthorizationHeaderMalformed": "another region",
}


class Refusing(BaseHTTPRequestHandler):
    """An S3 that refuses everything with the code that the bucket is named after."""

    def do_GET(self) -> None:
        bucket = self.path.split("/")[1].split("?")[0]
        code = next((known for known in REFUSALS if known.lower() == bucket), "SlowDown")
        body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        self.send_response(503 if code == "SlowDown" else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    extra = {
        "endpoint_url": f"http://127.0.0.1:{server.server_address[1]}",
        "config_kwargs": {"s3": {"addressing_style": "path"}, "retries": {"total_max_attempts": 1}},
    }
    monkeypatch.setenv(
        "AIRFLOW_CONN_SPARKIFY_S3",
        json.dumps({"conn_type": "aws", "login": "k", "password": "s3cret", "extra": extra}),
    )
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("refusing")
@pytest.mark.parametrize("code", REFUSALS)
def test_what_s3_refuses_for_good_says_what_to_do(code: str) -> None:
    with pytest.raises(AirflowFailException, match=REFUSALS[code]) as refused:
        list(open_source(f"s3://{code.lower()}").list(""))
    assert "s3cret" not in str(refused.value)


@pytest.mark.usefixtures("refusing")
def test_what_may_pass_by_itself_is_worth_another_try() -> None:
    with pytest.raises(AirflowException, match="SlowDown") as refused:
        list(open_source("s3://busy").list(""))
    assert not isinstance(refused.value, AirflowFailException)


def test_small_objects_are_read_in_the_cheap_way_whatever_their_names(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = ["a.json", "b c.json", "ü/é.json", "100%.json", "%41.json", "a+b&c=d?e#f.json"]
    odd = ["x//y.json", "./z.json", "x/../z.json"]
    for name in plain + odd:
        bucket.put(name, name)
    dearly: list[str] = []
    source = open_source(bucket.url)
    assert isinstance(source, BucketSource)
    files = find(source, "**")
    usual = source._client.get_object

    def tell(**asked: str) -> object:
        dearly.append(asked["Key"].removeprefix("app/"))
        return usual(**asked)

    monkeypatch.setattr(source._client, "get_object", tell)
    assert {file.name: read(source, file).read().decode() for file in files} == {
        name: name for name in plain + odd
    }
    assert set(dearly) <= set(odd)


def test_an_object_that_has_changed_since_it_was_listed_is_read_as_it_is(bucket: Bucket) -> None:
    bucket.put("a.json", "before")
    source = open_source(bucket.url)
    [file] = find(source, "a.json")
    bucket.put("a.json", "after it")
    assert read(source, file).read() == b"after it"


@pytest.mark.parametrize("size", [10, 2 << 20])
def test_an_object_that_goes_before_it_is_read_is_missing(
    size: int,
    bucket: Bucket,
    pipeline: Pipeline,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sparkify.sources.bucket import BucketSource

    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION", "log_data/%Y-%m-%d/*.json")
    bucket.put("log_data/2018-11-15/one.json", json.dumps(play("2018-11-15 10:00:00")))
    bucket.put("log_data/2018-11-15/two.json", " " * size)
    usual = BucketSource.open

    def open_later(self: BucketSource, file: SourceFile) -> BinaryIO:
        key = "app/log_data/2018-11-15/two.json"
        bucket.client.delete_object(Bucket=bucket.name, Key=key)
        return usual(self, file)

    monkeypatch.setattr(BucketSource, "open", open_later)
    pipeline.run(*DAY)
    assert warehouse.rows(
        "select source_file, etag is null from file_ledger where span_start is not null order by 1"
    ) == [("log_data/2018-11-15/one.json", False), ("log_data/2018-11-15/two.json", True)]
    assert warehouse.count("songplays") == 1
