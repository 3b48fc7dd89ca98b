"""What COPY cannot load is kept with file, line, column and text, as on PostgreSQL."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from structlog.testing import capture_logs

from local.redshift.journal import SCHEMA
from local.redshift.server import RedshiftServer
from local.servers.s3 import Storage
from local.tools.pipeline import Pipeline
from sparkify.records.reader import RecordReader
from sparkify.staging.copy_log import last_load, loads_since
from sparkify.warehouse import without_values
from tests.support.dags import parsed_dags
from tests.support.sources import Bucket, play, song
from tests.support.warehouse import Warehouse

DAY = ("2018-11-15", "2018-11-16")
EVENTS = "log_data/2018/11/2018-11-15-events.json"
GOOD = [json.dumps(play(f"2018-11-15 10:0{n}:00", itemInSession=n)) for n in range(3)]

BAD_TS = json.dumps(play("2018-11-15 11:00:00") | {"ts": "soon"})

BAD = {
    "a text too long in bytes": (
        play("2018-11-15 11:00:00", level="é" * 9),
        "level",
        r"String length exceeds DDL length .*1204.*ééééééééé",
    ),
    "a bad number": (
        play("2018-11-15 11:00:00", sessionId="6x"),
        "sessionid",
        r"Invalid digit, Value 'x'.*1207.*'6x'",
    ),
    "a number too large": (
        play("2018-11-15 11:00:00", itemInSession=2**31),
        "iteminsession",
        r"Overflow.*1222.*'2147483648'",
    ),
    "a NUL": (play("2018-11-15 11:00:00", song="a\0b"), "song", r"Bad UTF8 hex sequence: 00.*1220"),
    "no moment": (
        play("2018-11-15 11:00:00") | {"ts": None},
        "ts",
        r"Missing data for not-null field.*1213",
    ),
    "a bad moment": (play("2018-11-15 11:00:00") | {"ts": "soon"}, "ts", r"1206.*'soon'"),
}


@pytest.fixture(autouse=True)
def any_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")


def rejects(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows(
        "select source_file, line_number, column_name, reason, raw_text from rejected_rows "
        "order by line_number"
    )


@pytest.mark.parametrize("what", BAD)
def test_a_record_that_does_not_fit_is_rejected_and_the_rest_is_loaded(
    what: str,
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    caplog: pytest.LogCaptureFixture,
) -> None:
    event, column, reason = BAD[what]
    bad = json.dumps(event)
    bucket.put(EVENTS, "\n".join([*GOOD[:2], bad, GOOD[2]]))
    with caplog.at_level(logging.WARNING):
        redshift_pipeline.run(*DAY)
    assert redshift_warehouse.count("songplays") == 3
    [(file, line, its_column, its_reason, text)] = rejects(redshift_warehouse)
    assert (file, line, its_column, text) == (EVENTS, 3, column, bad)
    assert re.search(reason, its_reason), its_reason
    assert f"{bucket.url}/{EVENTS}, line 3: {without_values(its_reason)}" in caplog.text


@pytest.mark.parametrize(("end", "rejected"), [("", 0), ("\n", 1)])
def test_a_line_that_is_being_written_does_not_count(
    end: str,
    rejected: int,
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
) -> None:
    bucket.put(EVENTS, "\n".join([*GOOD, '{"artist": "cut']) + end)
    redshift_pipeline.run(*DAY)
    assert redshift_warehouse.count("songplays") == len(GOOD)
    [(*_, text)] = rejects(redshift_warehouse)
    assert text == '{"artist": "cut'
    share = "select value from quality_results where check_name = 'reject_share'"
    assert redshift_warehouse.value(share) == rejected / 4


def test_rejects_are_the_same_records_as_on_postgresql(
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    new_warehouse: Callable[[], Warehouse],
    dags: dict[str, DAG],
) -> None:
    lines = [json.dumps(event) for event, *_ in BAD.values()]
    lines += [
        '{"artist": "cut',
        "no JSON",
        json.dumps(play("2018-11-15 12:00:00", userId="")),
        json.dumps(play("2018-11-15 12:01:00", sessionId=None)),
        json.dumps(play("2018-11-15 12:02:00"), indent=1),
        GOOD[0] + " " + GOOD[1],
        GOOD[2],
        # Two that end on one line.
        f"{BAD_TS} {json.dumps(play('2018-11-15 12:03:00', ts='later'))}",
        f"{BAD_TS} 5",
    ]
    bucket.put(EVENTS, "\n".join(lines))
    redshift_pipeline.run(*DAY)
    postgres = new_warehouse()
    Pipeline(dags["sparkify"]).run(*DAY)
    kept = "select source_file, line_number, column_name, raw_text from rejected_rows order by 2, 4"
    on_redshift = redshift_warehouse.rows(kept)
    assert on_redshift == postgres.rows(kept)
    assert len(on_redshift) == len(BAD) + 8
    counted = (
        "select line_count, folded_count, row_count, reject_count from file_ledger "
        "where dataset = 'staging_events'"
    )
    assert redshift_warehouse.rows(counted) == postgres.rows(counted)
    assert redshift_warehouse.contents() == postgres.contents()


def test_of_records_on_one_line_copy_does_not_say_which_it_could_not_load(
    bucket: Bucket, redshift_pipeline: Pipeline, redshift_warehouse: Warehouse
) -> None:
    no_user = json.dumps(play("2018-11-15 12:00:00", userId=""))
    lines = [f"{GOOD[0]} {BAD_TS}", f"{no_user} {BAD_TS}", f"{BAD_TS} {no_user}", GOOD[1]]
    bucket.put(EVENTS, "\n".join(lines))
    redshift_pipeline.run(*DAY)
    assert redshift_warehouse.count("songplays") == 2
    kept = [(line, column, text) for _, line, column, _, text in rejects(redshift_warehouse)]
    assert sorted(kept, key=str) == [
        (1, "ts", lines[0]),
        (2, "ts", lines[1]),
        (2, None, no_user),
        (3, "ts", lines[2]),
        (3, None, no_user),
    ]


def test_a_list_where_a_text_belongs_is_loaded_as_its_json(
    bucket: Bucket, redshift_pipeline: Pipeline, redshift_warehouse: Warehouse
) -> None:
    event = play("2018-11-15 10:00:00") | {"artist": ["Ada", "Grace"]}
    bucket.put(EVENTS, json.dumps(event))
    redshift_pipeline.run(*DAY)
    assert redshift_warehouse.value("select artist_name from songplays") == '["Ada", "Grace"]'
    assert rejects(redshift_warehouse) == []


@pytest.mark.parametrize("text", ['[{"song_id": "SO2"}]', "null", "5"])
def test_a_song_file_that_holds_no_object_stops_no_run(
    text: str, bucket: Bucket, redshift_pipeline: Pipeline, redshift_warehouse: Warehouse
) -> None:
    bucket.put(EVENTS, GOOD[0])
    bucket.put("song_data/one.json", json.dumps(song("SO1")))
    bucket.put("song_data/two.json", text)
    redshift_pipeline.run(*DAY)
    assert redshift_warehouse.count("songplays") == redshift_warehouse.count("songs") == 1
    assert [(file, kept) for file, *_, kept in rejects(redshift_warehouse)] == [
        ("song_data/two.json", text)
    ]


def test_a_record_that_only_copy_refuses_blocks_no_file(
    bucket: Bucket, redshift_pipeline: Pipeline, redshift_warehouse: Warehouse
) -> None:
    # Read here it is an integer; beside a record that breaks a rule the file is read here too.
    as_float = json.dumps(play("2018-11-15 10:05:00", itemInSession=5) | {"status": 200.0})
    no_user = json.dumps(play("2018-11-15 10:06:00", userId=""))
    bucket.put(EVENTS, "\n".join([GOOD[0], as_float, no_user, GOOD[1]]))
    redshift_pipeline.run(*DAY)
    assert redshift_warehouse.count("songplays") == 2
    assert [(line, text) for _, line, _, _, text in rejects(redshift_warehouse)] == [
        (2, as_float),
        (3, no_user),
    ]
    counted = "select line_count, row_count, reject_count from file_ledger"
    assert redshift_warehouse.rows(f"{counted} where dataset = 'staging_events'") == [(4, 2, 2)]


@pytest.mark.parametrize("named", [True, False])
def test_where_both_read_differently_redshift_s_figures_count(
    named: bool,
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from sparkify.staging import reconciliation

    class Otherwise(RecordReader):
        """Takes a play without a user for something else that cannot be loaded, or for a row."""

        def batches(self, blocks: Any) -> Any:
            for batch in super().batches(blocks):
                kept = [reject._replace(reason="odd") for reject in batch.rejects]
                batch.rejects = kept if named else []
                batch.rows.update(reject.file for reject in kept if not named)
                yield batch

    monkeypatch.setattr(reconciliation, "RecordReader", Otherwise)
    no_user = json.dumps(play("2018-11-15 10:06:00", userId=""))
    bucket.put(EVENTS, "\n".join([GOOD[0], no_user, GOOD[1]]))
    with caplog.at_level(logging.WARNING):
        redshift_pipeline.run(*DAY)
    assert redshift_warehouse.count("songplays") == 2
    [(file, line, _, reason, text)] = rejects(redshift_warehouse)
    expected = (
        (2, "odd", no_user) if named else (None, "violates a rule, according to Redshift", None)
    )
    assert (file, (line, reason, text)) == (EVENTS, expected)
    assert "Redshift staged 3 rows, of which 1 violate a rule" in caplog.text
    counted = "select line_count, row_count, reject_count from file_ledger"
    assert redshift_warehouse.rows(f"{counted} where dataset = 'staging_events'") == [(3, 2, 1)]


def test_a_song_of_several_files_that_is_read_differently_blocks_no_hour(
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from sparkify.staging import reconciliation

    class Otherwise(RecordReader):
        """Takes no row of a file for one that can be loaded."""

        def batches(self, blocks: Any) -> Any:
            for batch in super().batches(blocks):
                batch.frames.clear()
                yield batch

    monkeypatch.setattr(reconciliation, "RecordReader", Otherwise)
    bucket.put(EVENTS, GOOD[0])
    bucket.put("song_data/A.json", json.dumps(song("SO1", title="Once")))
    bucket.put("song_data/B.json", json.dumps(song("SO1", title="Again")))
    bucket.put("song_data/C.json", json.dumps(song("SO2")))
    with caplog.at_level(logging.WARNING):
        redshift_pipeline.run(*DAY)
    assert "Redshift staged 2 rows of songs that several files contain; read" in caplog.text
    assert redshift_warehouse.column("select song_id from songs order by 1") == ["SO1", "SO2"]
    copies = "select source_file, song_id from song_copies order by 1, 2"
    assert redshift_warehouse.rows(copies) == [
        ("song_data/B.json", "SO1"),
        ("song_data/C.json", "SO2"),
    ]


def test_a_file_that_changes_after_the_copy_is_tried_again(
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sparkify.staging import redshift as copying

    no_user = json.dumps(play("2018-11-15 10:06:00", userId=""))
    bucket.put(EVENTS, "\n".join([GOOD[0], no_user]))

    def it_grows(*arguments: Any) -> Any:
        bucket.put(EVENTS, "\n".join([GOOD[0], no_user, GOOD[1]]))
        return loads_since(*arguments)

    monkeypatch.setattr(copying, "loads_since", it_grows)
    with pytest.raises(AirflowException, match=f"{EVENTS} changed after COPY had read it"):
        redshift_pipeline.run(*DAY)
    assert redshift_warehouse.count("file_ledger") == 0


def test_of_a_long_text_the_beginning_is_kept(
    bucket: Bucket, redshift_pipeline: Pipeline, redshift_warehouse: Warehouse
) -> None:
    bucket.put(EVENTS, b"\n".join([GOOD[0].encode(), b"{" + b"x" * 100_000]))
    redshift_pipeline.run(*DAY)
    [(*_, text)] = rejects(redshift_warehouse)
    assert text == "{" + "x" * 59_999


def test_files_of_two_objects_and_of_several_lines_are_loaded_and_counted(
    bucket: Bucket, redshift_pipeline: Pipeline, redshift_warehouse: Warehouse
) -> None:
    bucket.put("song_data/one.json", json.dumps(song("SO1"), indent=2))
    bucket.put("song_data/two.json", json.dumps(song("SO2")) + json.dumps(song("SO3")))
    bucket.put("song_data/three.json", json.dumps(song("SO4", artist_name=112)))
    redshift_pipeline.run(*DAY)
    assert redshift_warehouse.column("select song_id from songs order by 1") == [
        "SO1",
        "SO2",
        "SO3",
        "SO4",
    ]
    assert redshift_warehouse.rows(
        "select source_file, row_count from file_ledger where dataset = 'staging_songs' order by 1"
    ) == [("song_data/one.json", 1), ("song_data/three.json", 1), ("song_data/two.json", 2)]


def test_too_many_rejects_stop_the_run(
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "0.2")
    bucket.put(EVENTS, "\n".join([*GOOD, "broken"]))
    with pytest.raises(AirflowFailException, match="reject_share"):
        redshift_pipeline.run(*DAY)
    assert redshift_warehouse.count("songplays") == 0
    assert len(rejects(redshift_warehouse)) == 1


def test_more_errors_than_copy_may_skip_end_in_a_sentence(
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sparkify.staging.copy_statement.COPY_OPTIONS", ("maxerror 1",))
    bucket.put(EVENTS, "\n".join([GOOD[0], "broken", "broken too"]))
    with pytest.raises(AirflowFailException) as failed:
        redshift_pipeline.run(*DAY)
    assert f"The COPY of {bucket.url}/{EVENTS} failed; nothing was staged." in str(failed.value)
    assert f"{bucket.url}/{EVENTS}, line 2" in str(failed.value)


def test_an_object_that_went_before_the_copy_is_tried_again(
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sparkify.staging import redshift as copying

    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_MANIFEST_PREFIX", f"s3://{bucket.name}/manifests")
    bucket.put(EVENTS, GOOD[0])

    def it_goes(*arguments: Any) -> int:
        bucket.client.delete_object(Bucket=bucket.name, Key=f"app/{EVENTS}")
        return last_load(*arguments)

    monkeypatch.setattr(copying, "last_load", it_goes)
    with pytest.raises(AirflowException, match=f"NoSuchKey.*{EVENTS}") as failed:
        redshift_pipeline.run(*DAY)
    assert not isinstance(failed.value, AirflowFailException)
    assert redshift_warehouse.count("file_ledger") == 0


def test_an_object_that_came_before_the_copy_is_tried_again(
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sparkify.staging import redshift as copying

    bucket.put(EVENTS, GOOD[0])

    def it_comes(*arguments: Any) -> int:
        bucket.put(f"{EVENTS}.bak", GOOD[1])
        return last_load(*arguments)

    monkeypatch.setattr(copying, "last_load", it_comes)
    with pytest.raises(AirflowException, match=r"other files than were listed.*\.bak"):
        redshift_pipeline.run(*DAY)
    assert redshift_warehouse.count("file_ledger") == 0


ROLE = "arn:aws:iam::123456789012:role/sparkify-loader"
SECRETS: dict[str, dict[str, Any]] = {
    "key": {"login": "AKIAOFTHELOADER", "password": "the/secret+of0the1loader"},
    "token": {
        "login": "ASIAOFTHELOADER",
        "password": "the/secret+of0the1session",
        "extra": {"aws_session_token": "the+token+of+the+session=="},
    },
    "role": {"login": "AKIAOFTHECALLER", "password": "the/secret+of0the1caller"},
}


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """Whatever operators and hooks log, at any level, before anything is masked."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    with capture_logs() as entries:
        yield entries
    structlog.configure(**before)


def readable(entry: dict[str, Any]) -> str:
    """What is logged as text; Airflow's own rows of its database have none by then."""
    return json.dumps(entry, default=lambda it: str(it) if isinstance(it, Exception) else "")


@pytest.mark.usefixtures("airflow")
@pytest.mark.parametrize("way", SECRETS)
def test_no_secret_is_logged_and_then_masked(
    way: str,
    bucket: Bucket,
    s3: Storage,
    redshift_server: RedshiftServer,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    logged: list[Any],
) -> None:
    connection = json.loads(s3.connection()) | SECRETS[way]
    extra = json.loads(s3.connection())["extra"] | SECRETS[way].get("extra", {})
    s3.keys[connection["login"]] = connection["password"]
    if way == "role":
        trust = {"Statement": [{"Principal": {"Service": "redshift.amazonaws.com"}}]}
        iam = s3.client("iam")
        iam.create_role(RoleName="sparkify-loader", AssumeRolePolicyDocument=json.dumps(trust))
        redshift_server.roles.add(ROLE)
        extra["role_arn"] = ROLE
        # Where a role is assumed is a setting of its own.
        extra["service_config"] = {"sts": {"endpoint_url": s3.endpoint}}
    monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_S3", json.dumps(connection | {"extra": extra}))
    bucket.put(EVENTS, "\n".join([*GOOD, "broken"]))
    bucket.put("song_data/one.json", json.dumps(song("SO1")))
    before = len(redshift_server.statements)
    dag = parsed_dags()["sparkify"]
    for task in dag.tasks:
        task.retries = 0
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "redshift_connector")
    run = dag.test(logical_date=None, run_conf={"start": DAY[0], "end": DAY[1]})
    assert str(run.state) == "success"
    said = "".join(capfd.readouterr()) + caplog.text + "\n".join(map(readable, logged))
    # What is logged is looked at, and it is what staging logs.
    assert f"Rejected: {bucket.url}/{EVENTS}, line" in said
    assert f"Copying {bucket.url}/{EVENTS} into staging_events_" in said
    assert "cannot be called outside of the Task Runner" not in said
    secrets = [connection["login"], connection["password"], extra.get("aws_session_token")]
    for secret in [*filter(None, secrets), redshift_server.password]:
        assert secret not in said
    copies = [sent.text for sent in redshift_server.statements[before:] if "COPY" in sent.text]
    assert copies
    for text in copies:
        assert (f"aws_iam_role={ROLE}" in text) == (way == "role")
        assert (connection["password"] in text) == (way != "role")


def test_copy_says_that_a_token_has_expired(
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from botocore.exceptions import ClientError

    from local.redshift.objects import Objects

    def expired(self: Objects) -> list[str]:
        from local.redshift.objects import _refused

        told = {"Error": {"Code": "ExpiredToken", "Message": "The provided token has expired."}}
        raise _refused("s3://bucket", ClientError(told, "ListObjectsV2"))

    bucket.put(EVENTS, GOOD[0])
    monkeypatch.setattr(Objects, "_prefixed", expired)
    with pytest.raises(AirflowException, match="The provided token has expired") as failed:
        redshift_pipeline.run(*DAY)
    assert not isinstance(failed.value, AirflowFailException)
    status = f"select status from {SCHEMA}.sys_load_history"
    assert redshift_warehouse.column(status) == ["aborted"]


def test_copy_says_that_it_took_too_long(
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from local.redshift.objects import Objects
    from local.redshift.refusals import RedshiftError

    def endless(self: Objects, url: str) -> bytes:
        raise RedshiftError("Query (7) cancelled on user's request", "57014")

    bucket.put(EVENTS, GOOD[0])
    monkeypatch.setattr(Objects, "fetch", endless)
    with pytest.raises(AirflowException, match="sparkify_statement_timeout_minutes") as failed:
        redshift_pipeline.run(*DAY)
    assert not isinstance(failed.value, AirflowFailException)
