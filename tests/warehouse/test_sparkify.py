"""Whole runs of the DAG's operators on PostgreSQL: small sources in, tables out."""

import hashlib
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

from local.tools.pipeline import Pipeline
from tests.support.sources import TestSource, play, song, visit
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")

DAY = ("2018-11-15T00:00:00Z", "2018-11-16T00:00:00Z")


def test_a_play_becomes_a_row_of_every_table(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:20:30.796", itemInSession=7, sessionId=583, userId="26"))
    source.songs(song("SO1", year=1999, artist_location="Testville"))
    pipeline.run(*DAY)
    assert warehouse.rows("select * from songplays") == [
        (
            warehouse.value("select songplay_id from songplays"),
            datetime(2018, 11, 15, 10, 20, 30, 796000),
            26,
            "free",
            "SO1",
            "ARTEST01",
            583,
            "London, UK",
            '"Mozilla/5.0"',
            7,
            "First Light",
            "The Testers",
            200.5,
            "exact",
        )
    ]
    assert warehouse.rows("select * from users") == [
        (26, "Ada", "Lovelace", "F", "free", datetime(2018, 11, 15, 10, 20, 30, 796000))
    ]
    assert warehouse.rows("select * from songs") == [
        ("SO1", "First Light", "ARTEST01", 1999, 200.5, "The Testers")
    ]
    assert warehouse.rows("select * from artists") == [
        ("ARTEST01", "The Testers", "Testville", None, None, "SO1")
    ]
    # 2018-11-15 was a Thursday of ISO week 46.
    assert warehouse.rows("select * from time") == [
        (datetime(2018, 11, 15, 10, 20, 30, 796000), 10, 15, 46, 11, 2018, 4)
    ]
    for view in ("fact_songplays", "dim_users", "dim_songs", "dim_artists", "dim_time"):
        assert warehouse.count(view) == 1


def test_the_id_of_a_play_depends_on_the_play_alone(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:20:30.796", itemInSession=7, sessionId=583, userId="26"))
    pipeline.run(*DAY)
    digest = hashlib.md5(b"26-583-7", usedforsecurity=False).hexdigest()
    assert warehouse.column("select songplay_id from songplays") == [
        "20181115102030796" + digest[:15]
    ]


def test_only_plays_of_known_users_are_plays(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    logged_out = {"userId": "", "firstName": None, "gender": None, "lastName": None}
    source.events(
        play("2018-11-15 10:00:00"),
        visit("2018-11-15 10:01:00", userId="2", firstName="Grace"),
        visit("2018-11-15 10:02:00", page="Login", **logged_out),
    )
    pipeline.run(*DAY)
    assert warehouse.column("select user_id from songplays") == [1]
    assert warehouse.column("select user_id from users order by user_id") == [1, 2]


def test_a_window_is_half_open(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(
        play("2018-11-15 09:59:59.999", itemInSession=0),
        play("2018-11-15 10:00:00.000", itemInSession=1),
        play("2018-11-15 10:59:59.999", itemInSession=2),
        play("2018-11-15 11:00:00.000", itemInSession=3),
    )
    pipeline.run("2018-11-15T10:00:00Z", "2018-11-15T11:00:00Z")
    assert warehouse.column("select item_in_session from songplays order by 1") == [1, 2]
    assert warehouse.count("time") == 2


def test_running_a_window_again_changes_nothing(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"), play("2018-11-15 10:05:00", itemInSession=1))
    source.songs(song("SO1"))
    pipeline.run(*DAY)
    before = warehouse.contents()
    pipeline.run(*DAY)
    assert warehouse.contents() == before
    assert len(before["songplays"]) == 2


def test_a_play_delivered_twice_is_one_play(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"), play("2018-11-15 10:00:00"))
    pipeline.run(*DAY)
    assert warehouse.count("songplays") == 1
    assert warehouse.count("user_events") == 1


def test_two_users_at_the_same_moment_are_two_plays_at_one_time(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"), play("2018-11-15 10:00:00", userId="2"))
    pipeline.run(*DAY)
    assert warehouse.count("songplays") == 2
    assert warehouse.count("time") == 1


def test_a_user_is_as_of_the_latest_event_whatever_order_the_hours_came_in(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(
        play("2018-11-15 10:00:00", level="free"),
        play("2018-11-15 11:00:00", level="paid", lastName="King", itemInSession=1),
    )
    pipeline.run("2018-11-15T11:00:00Z", "2018-11-15T12:00:00Z")
    pipeline.run("2018-11-15T10:00:00Z", "2018-11-15T11:00:00Z")
    assert warehouse.rows("select level, last_name from users") == [("paid", "King")]
    assert warehouse.column("select level from songplays order by start_time") == ["free", "paid"]


def test_of_two_events_at_one_moment_the_later_item_tells_the_level(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(
        play("2018-11-15 10:00:00", level="paid", itemInSession=10),
        play("2018-11-15 10:00:00", level="free", itemInSession=9),
    )
    pipeline.run(*DAY)
    assert warehouse.column("select level from users") == ["paid"]


def test_a_corrected_file_heals_the_window(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(
        play("2018-11-15 10:00:00", level="free"),
        play("2018-11-15 11:00:00", level="paid", itemInSession=1),
        play("2018-11-15 11:30:00", userId="2"),
    )
    pipeline.run("2018-11-15T10:00:00Z", "2018-11-15T11:00:00Z")
    pipeline.run("2018-11-15T11:00:00Z", "2018-11-15T12:00:00Z")
    assert warehouse.column("select level from users order by user_id") == ["paid", "free"]
    source.events(play("2018-11-15 10:00:00", level="free"))
    Pipeline(pipeline.dag, allow_removed=True).run("2018-11-15T11:00:00Z", "2018-11-15T12:00:00Z")
    assert warehouse.rows("select user_id, level, last_seen_at from users") == [
        (1, "free", datetime(2018, 11, 15, 10))
    ]
    assert warehouse.count("songplays") == 1
    assert warehouse.column("select start_time from time") == [datetime(2018, 11, 15, 10)]


def test_an_hour_without_events_is_a_quiet_hour(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    pipeline.run("2018-11-15T11:00:00Z", "2018-11-15T12:00:00Z")
    assert warehouse.count("songplays") == 0
    assert warehouse.rows("select etag is not null, row_count from file_ledger") == [(True, 1)]


def test_a_missing_file_is_recorded_as_missing(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    pipeline.run(*DAY)
    assert warehouse.rows("select source_file, etag, row_count from file_ledger") == [
        ("log_data/2018/11/2018-11-15-events.json", None, 0)
    ]


def test_a_file_that_vanished_stops_the_run_before_its_plays_are_deleted(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    pipeline.run(*DAY)
    (source.root / "log_data/2018/11/2018-11-15-events.json").unlink()
    with pytest.raises(AirflowFailException, match=r"files_vanished(.|\n)*2018-11-15-events"):
        pipeline.run(*DAY)
    assert warehouse.count("songplays") == 1


def test_a_song_that_plays_nothing_like_it_leaves_the_play_its_text(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(
        play("2018-11-15 10:00:00", length=200.6),
        play("2018-11-15 10:05:00", artist="Others", itemInSession=1),
        play("2018-11-15 10:10:00", song="Second Light", itemInSession=2),
    )
    source.songs(song("SO1"))
    pipeline.run(*DAY)
    assert warehouse.column("select song_id from songplays") == [None, None, None]
    assert warehouse.rows("select song_title, artist_name from songplays order by start_time") == [
        ("First Light", "The Testers"),
        ("First Light", "Others"),
        ("Second Light", "The Testers"),
    ]


def test_of_several_songs_that_match_the_smallest_id_is_linked(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    source.songs(song("SOb", artist_id="AR2"), song("SOB", artist_id="AR1"))
    pipeline.run(*DAY)
    # Byte by byte: a capital letter is smaller.
    assert warehouse.rows("select song_id, artist_id from songplays") == [("SOB", "AR1")]


@pytest.mark.parametrize("together", [True, False])
def test_an_artist_is_taken_from_the_smallest_song_with_a_place(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse, together: bool
) -> None:
    songs = [
        song("SO3", artist_location="Later", artist_name="The Testers feat. C"),
        song("SO2", artist_location="Here", artist_name="The Testers feat. B", artist_latitude=1.5),
        song("SO1"),
    ]
    for some in [songs] if together else [[one] for one in songs]:
        source.songs(*some)
        pipeline.run(*DAY)
    assert warehouse.rows("select * from artists") == [
        ("ARTEST01", "The Testers feat. B", "Here", 1.5, None, "SO2")
    ]
    assert warehouse.count("songs") == 3


def test_a_corrected_song_changes_song_and_artist_and_leaves_no_artist_behind(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.songs(song("SO1", year=1999), song("SO2", artist_id="AROTHER", artist_location="X"))
    pipeline.run(*DAY)
    source.songs(song("SO2", artist_id="ARTEST01", artist_location="Y", title="New"))
    pipeline.run(*DAY)
    assert warehouse.rows("select artist_id, location from artists") == [("ARTEST01", "Y")]
    assert warehouse.rows("select song_id, title, artist_id, year from songs order by 1") == [
        ("SO1", "First Light", "ARTEST01", 1999),
        ("SO2", "New", "ARTEST01", None),
    ]


def test_only_new_and_changed_song_files_are_read_again(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.songs(song("SO1"), song("SO2"))
    pipeline.run(*DAY)
    catalogue = {
        "stage_songs",
        "load_song_copies",
        "load_staging_songs",
        "load_artists",
        "load_songs",
        "link_songplays",
    }
    assert pipeline.run(*DAY) == catalogue
    source.songs(song("SO2", title="A longer title"))
    assert pipeline.run(*DAY, run_id="third") == set()
    assert warehouse.column(
        "select source_file from file_ledger where run_id = 'third' and dataset = 'staging_songs'"
    ) == ["song_data/A/B/C/TRSO2.json"]


def test_a_run_that_died_before_the_songs_were_loaded_does_not_count_them_as_loaded(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.songs(song("SO1"))
    context = pipeline.context(*DAY)
    for task_id in ("stage_events", "stage_songs", "load_song_copies", "load_staging_songs"):
        pipeline.run_task(task_id, context)
    assert warehouse.count("songs") == 0
    pipeline.run(*DAY)
    assert warehouse.column("select song_id from songs") == ["SO1"]


def test_what_can_be_loaded_is_loaded_and_the_rest_is_named(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "0.9")
    good = json.dumps(play("2018-11-15 10:00:00"))
    source.lines(
        "2018-11-15",
        good,
        '{"artist": "cut off',
        json.dumps(play("2018-11-15 10:01:00") | {"ts": "yesterday"}),
        json.dumps(play("2018-11-15 10:02:00", song="a\0b")),
        json.dumps(play("2018-11-15 10:03:00", userId="")),
        json.dumps(play("2018-11-15 10:04:00", song="x" * 1025)),
    )
    source.songs(song("SO1", artist_name=112))
    source.song_text("TWO", json.dumps(song("SO2"), indent=2) + json.dumps(song("SO3")))
    pipeline.run(*DAY)
    assert warehouse.count("songplays") == 1
    assert warehouse.rows("select song_id, artist_name from songs order by song_id") == [
        ("SO1", "112"),
        ("SO2", "The Testers"),
        ("SO3", "The Testers"),
    ]
    rejects = warehouse.rows(
        "select source_file, line_number, column_name, reason, raw_text from rejected_rows "
        "order by line_number"
    )
    assert {row[0] for row in rejects} == {"log_data/2018/11/2018-11-15-events.json"}
    assert [(line, column) for _, line, column, _, _ in rejects] == [
        (2, None),
        (3, "ts"),
        (4, "song"),
        (5, None),
        (6, "song"),
    ]
    reasons = [reason for *_, reason, _ in rejects]
    assert reasons[0].startswith("not JSON")
    assert "'yesterday'" in reasons[1]
    assert "NUL" in reasons[2]
    assert reasons[3] == "a play without a user"
    assert "1025 bytes" in reasons[4]
    assert rejects[1][4] == json.dumps(play("2018-11-15 10:01:00") | {"ts": "yesterday"})


def test_too_many_rejects_stop_the_run_before_anything_is_published(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    lines = [json.dumps(play(f"2018-11-15 10:{n:02}:00", itemInSession=n)) for n in range(19)]
    source.lines("2018-11-15", *lines, "this is broken")
    source.songs(song("SO1"))
    with pytest.raises(AirflowFailException) as failure:
        pipeline.run(*DAY)
    assert "it is 0.05, above the limit of 0.01" in str(failure.value)
    assert "rejected_records 1, of_records_read 20" in str(failure.value)
    assert "rejected_rows" in str(failure.value)
    assert not any(warehouse.contents().values())
    assert warehouse.count("rejected_rows") == 1


def test_a_limit_may_be_less_than_one_in_ten_thousand(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "0.00005")
    good = json.dumps(play("2018-11-15 10:00:00"))
    source.lines("2018-11-15", good, "this is broken")
    with pytest.raises(AirflowFailException, match=r"it is 0\.5, above the limit of 5e-05"):
        pipeline.run(*DAY)
    source.lines("2018-11-15", good)
    pipeline.run(*DAY)
    assert warehouse.count("songplays") == 1


def test_a_mended_file_is_loaded_by_a_range_run_which_resolves_its_rejects(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")
    rejects = "select raw_text, resolved_by, resolved_at is not null from rejected_rows order by 1"
    source.lines("2018-11-15", "broken", "broken too")
    pipeline.run(*DAY)
    source.lines("2018-11-15", json.dumps(play("2018-11-15 10:00:00")), "", "broken too")
    # An hour reads the whole file, but publishes too little of it to resolve anything.
    pipeline.run("2018-11-15T20:00:00Z", "2018-11-15T21:00:00Z", run_id="hour")
    assert warehouse.rows(rejects) == [("broken", "hour", False), ("broken too", None, False)]
    pipeline.run(*DAY, run_id="mended")
    assert warehouse.rows(rejects) == [("broken", "mended", True), ("broken too", None, False)]
    assert warehouse.count("songplays") == 1
    pipeline.run(*DAY, run_id="again")
    assert warehouse.rows(rejects) == [("broken", "mended", True), ("broken too", None, False)]
    assert warehouse.column("select line_number from rejected_rows order by 1") == [1, 3]


def test_a_run_that_is_refused_resolves_nothing(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.lines("2018-11-15", "broken", "broken too")
    with pytest.raises(AirflowFailException, match="reject_share"):
        pipeline.run(*DAY)
    source.lines("2018-11-15", json.dumps(play("2018-11-15 10:00:00")), "broken too")
    with pytest.raises(AirflowFailException, match="reject_share"):
        pipeline.run(*DAY, run_id="refused")
    resolved = "select resolved_by, resolved_at is not null from rejected_rows order by raw_text"
    assert warehouse.rows(resolved) == [("refused", False), (None, False)]
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "0.5")
    pipeline.run(*DAY, run_id="let through")
    assert warehouse.rows(resolved) == [("let through", True), (None, False)]
    assert warehouse.count("songplays") == 1


def test_rejects_results_and_replaced_readings_are_kept_for_a_set_time(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_KEEP_REJECTS_DAYS", "30")
    source.lines("2018-11-14", "broken")
    source.lines("2018-11-15", "broken")
    pipeline.run("2018-11-14", "2018-11-15", run_id="once")
    pipeline.run(*DAY, run_id="old")
    for column in (
        "rejected_rows.rejected_at",
        "file_ledger.read_at",
        "quality_results.checked_at",
    ):
        table, name = column.split(".")
        warehouse.client.execute(f"update {table} set {name} = {name} - interval '31 days'")
    pipeline.run(*DAY, run_id="new")
    assert warehouse.column("select distinct run_id from quality_results") == ["new"]
    assert warehouse.column("select run_id from rejected_rows") == ["new"]
    # The last reading of a file tells whether it has vanished.
    assert warehouse.column("select run_id from file_ledger order by 1") == ["new", "once"]
    assert warehouse.column("select run_id from load_runs order by 1") == ["new", "old", "once"]


def test_nothing_is_left_of_a_run_that_succeeded(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    source.songs(song("SO1"))
    pipeline.run(*DAY)
    assert warehouse.column(
        "select tablename from pg_tables where tablename like 'staging%' order by 1"
    ) == ["staging_events", "staging_songs"]
    assert warehouse.count("staging_events") == 0


def test_a_staging_table_that_lost_rows_publishes_nothing(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    context = pipeline.context(*DAY)
    pipeline.run_task("stage_events", context)
    [table] = warehouse.column(
        "select tablename from pg_tables where tablename like 'staging_events_%'"
    )
    warehouse.client.execute(f"delete from {table}")
    with pytest.raises(AirflowFailException, match="lines_add_up"):
        pipeline.run_task("audit_staged", context)


def test_the_public_data_set(
    pipeline: Pipeline,
    warehouse: Warehouse,
    real_source: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", real_source.as_uri())
    month = ("2018-11-01T00:00:00Z", "2018-12-01T00:00:00Z")
    pipeline.run(*month)
    tables = ("songplays", "users", "songs", "artists", "time", "rejected_rows")
    assert [warehouse.count(table) for table in tables] == [6820, 97, 71, 69, 6813, 0]
    assert warehouse.rows("select level, count(*) from users group by 1 order by 1") == [
        ("free", 75),
        ("paid", 22),
    ]
    assert warehouse.value("select count(song_id) from songplays") == 1
    assert warehouse.count("user_levels") == 106
    assert warehouse.value("select count(song_title) + count(artist_name) from songplays") == 13640
    before = warehouse.contents()
    pipeline.run(*month)
    assert warehouse.contents() == before
    pipeline.run("2018-11-15T10:00:00Z", "2018-11-15T11:00:00Z")
    assert warehouse.contents() == before


def test_an_hour_of_the_public_data_set(
    pipeline: Pipeline,
    warehouse: Warehouse,
    real_source: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", real_source.as_uri())
    events = [
        json.loads(line)
        for line in (real_source / "log_data/2018/11/2018-11-15-events.json")
        .read_text()
        .split("\n")
    ]
    begin = datetime(2018, 11, 15, 10)
    moments = [
        moment
        for event in events
        if event["page"] == "NextSong"
        and begin
        <= (moment := datetime(1970, 1, 1) + timedelta(milliseconds=event["ts"]))
        < begin + timedelta(hours=1)
    ]
    assert moments
    pipeline.run("2018-11-15T10:00:00Z", "2018-11-15T11:00:00Z")
    assert warehouse.column("select start_time from songplays order by 1") == sorted(moments)


def test_a_run_leaves_a_balance_sheet(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")
    first, later = play("2018-11-15 10:00:00"), play("2018-11-15 12:00:00", itemInSession=1)
    text = [json.dumps(event) for event in (first, first, later)]
    log = source.lines("2018-11-15", *text, "", "broken")
    pretty = json.dumps(song("SO1"), indent=2)
    file = source.song_text("SO1", pretty)
    context = pipeline.context("2018-11-15T10:00:00Z", "2018-11-15T11:00:00Z", run_id="run")
    pipeline.run_in(context)
    pipeline.run_task("stage_events", context)
    for task_id in ("audit_staged", "load_songplays", "drop_staging"):
        pipeline.run_task(task_id, context)
    [row] = warehouse.rows(
        "select window_start::text, window_end::text, objects, missing, bytes, lines, folded, "
        "staged, rejected, plays_staged, plays_duplicate, plays_published, plays_matched, "
        "least(stage_seconds, load_seconds, check_seconds) >= 0 from load_runs"
    )
    size = log.stat().st_size + file.stat().st_size
    more_lines = pretty.count("\n")
    assert row == (
        *("2018-11-15 10:00:00", "2018-11-15 11:00:00"),
        *(2, 0, size, 5 + more_lines, more_lines, 4, 1, 2, 1, 1, 1, True),
    )
