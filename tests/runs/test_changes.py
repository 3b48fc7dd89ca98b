"""What re-runs have changed is recorded by day, with the file that made the difference."""

from typing import Any

import pytest
from airflow.cli.cli_parser import get_parser
from airflow.sdk import DAG

from local.tools.pipeline import Pipeline
from tests.support.sources import Bucket, TestSource, play, song, visit
from tests.support.warehouse import Warehouse

DAYS = ("2018-11-15", "2018-11-17")
NAME = "log_data/2018/11/2018-11-{}-events.json"
CHANGES = """
select table_name, cast(day as varchar), rows_before, rows_after, rows_added, rows_removed,
    rows_changed, users_before, users_after, files_changed, changed_file
from changed_numbers order by table_name, day
"""


def taken(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """The changes since they were last taken."""
    found = warehouse.rows(CHANGES)
    warehouse.client.execute("delete from load_changes")
    return found


def changes(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command prints."""
    args = get_parser().parse_args(["sparkify", "changes", *line.split()])
    with pytest.raises(SystemExit) as ended:
        args.func(args)
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.fixture
def loaded(source: TestSource, pipeline: Pipeline) -> list[dict[str, Any]]:
    """Two days; the second has two events of two users, loaded with the first."""
    events = [
        play("2018-11-15 10:00:00"),
        play("2018-11-15 10:05:00", itemInSession=1, artist="BjÃ¶rk"),
        visit("2018-11-15 10:30:00", userId="2", level="paid"),
        play("2018-11-15 11:00:00", itemInSession=2),
    ]
    source.events(*events)
    pipeline.run(*DAYS)
    return events


@pytest.mark.usefixtures("airflow")
def test_a_corrected_file_a_late_file_and_a_repaired_name(
    loaded: list[dict[str, Any]],
    source: TestSource,
    pipeline: Pipeline,
    warehouse: Warehouse,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert taken(warehouse) == [], "nothing was there before"
    pipeline.run(*DAYS)
    assert taken(warehouse) == [], "nothing has changed"
    assert "No run has changed" in changes("", capsys)

    # Corrected: one play has another level, one is gone, one is new.
    first, second, seen, _ = loaded
    extra = play("2018-11-15 11:01:00", userId="3", itemInSession=9)
    source.events(first | {"level": "paid"}, second, seen, extra)
    pipeline.run("2018-11-15T10:00", "2018-11-15T12:00", run_id="corrected")
    file = NAME.format(15)
    said = changes("-s 2018-11-15T11:00 -e 2018-11-15T11:00", capsys)
    assert "songplays: 3 rows: 1 added, 1 removed, 1 changed; 1 user, now 2" in said
    assert f"corrected: changed or late: {file}" in said
    assert "2018-11-15" not in changes("-s 2018-11-16", capsys)
    assert taken(warehouse) == [
        ("songplays", "2018-11-15", 3, 3, 1, 1, 1, 1, 2, 1, file),
        ("user_events", "2018-11-15", 4, 4, 1, 1, 1, 2, 3, 1, file),
    ]

    # Late: the second day's file, which the first run missed.
    source.events(play("2018-11-16 12:00:00", itemInSession=4))
    pipeline.run(*DAYS, run_id="late")
    late = NAME.format(16)
    assert taken(warehouse) == [
        ("songplays", "2018-11-16", 0, 1, 1, 0, 0, 0, 1, 1, late),
        ("user_events", "2018-11-16", 0, 1, 1, 0, 0, 0, 1, 1, late),
    ]

    # A name whose repair was wrong when the day was loaded.
    warehouse.client.execute("update repaired_names set repaired = 'Wrong'")
    stale = "update song_days set artist_name = 'Wrong' where artist_name = 'Björk'"
    warehouse.client.execute(stale)
    pipeline.run(*DAYS, run_id="repaired")
    said = changes("", capsys)
    assert "song_days: 2 rows: 1 added, 1 removed, 0 changed" in said
    assert "repaired: names were repaired; the plays are the same" in said
    [row] = taken(warehouse)
    assert row[:7] == ("song_days", "2018-11-15", 2, 2, 1, 1, 0)


def test_what_the_same_run_repairs_is_no_change_of_its_files(
    source: TestSource, pipeline: Pipeline, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    context = pipeline.context(*DAYS, run_id="one")
    pipeline.run_in(context)
    warehouse.client.execute("delete from songplays")
    pipeline.run_in(context)
    [(*_, files_changed, changed_file)] = taken(warehouse)
    assert (files_changed, changed_file) == (0, None)


def test_hours_that_are_loaded_for_the_first_time_are_no_change(
    source: TestSource, pipeline: Pipeline, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"), play("2018-11-15 11:00:00", itemInSession=1))
    for hour in (10, 11):
        pipeline.run(f"2018-11-15T{hour}:00", f"2018-11-15T{hour + 1}:00")
    # The lookback loads the first one again.
    pipeline.run("2018-11-15T10:00", "2018-11-15T12:00")
    assert taken(warehouse) == []


def test_a_song_that_arrives_after_its_plays_is_seen_when_they_are_loaded_again(
    loaded: list[dict[str, Any]], source: TestSource, pipeline: Pipeline, warehouse: Warehouse
) -> None:
    source.songs(song("SO1"))
    warehouse.client.execute("delete from load_changes")
    pipeline.run(*DAYS)
    # The plays were linked before they were replaced.
    assert taken(warehouse) == []


def test_forgetting_a_user_is_a_change_too(
    loaded: list[dict[str, Any]], dags: dict[str, DAG], warehouse: Warehouse
) -> None:
    forget = Pipeline(
        dags["sparkify_forget"], user_ids=[2], reason="request 7", confirm="forget 1 user"
    )
    forget.run_task("forget_users", forget.context())
    assert taken(warehouse) == [
        ("user_events", "2018-11-15", 1, 0, 0, 1, 0, 1, 0, 0, None),
    ]


def test_redshift_records_the_same(
    loaded: list[dict[str, Any]],
    source: TestSource,
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
) -> None:
    bucket.fill(source)
    redshift_pipeline.run(*DAYS)
    first, second, _, third = loaded
    source.events(first | {"level": "paid"}, second, third)
    bucket.fill(source)
    redshift_pipeline.run(*DAYS)
    file = NAME.format(15)
    assert taken(redshift_warehouse) == [
        ("songplays", "2018-11-15", 3, 3, 0, 0, 1, 1, 1, 1, file),
        ("user_events", "2018-11-15", 4, 3, 0, 1, 1, 2, 1, 1, file),
    ]
