"""How it stands with the hours: the view, the comparison with the source, and what is told."""

from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk.exceptions import AirflowFailException

from local.tools.pipeline import Pipeline
from sparkify.runs.audit import Audit
from sparkify.runs.hours import (
    AirflowRun,
    Hour,
    Version,
    describe,
    every_hour,
    forget_hours,
    loads,
    mark_outdated,
    published_versions,
    reconcile,
    recorded,
    repair_commands,
    spans,
)
from sparkify.sources.base import SourceFile
from sparkify.sources.partitions import Partition, event_listing
from sparkify.warehouse import POSTGRES
from tests.support.sources import TestSource, play, visit
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")

HOUR = timedelta(hours=1)
TEN = datetime(2018, 11, 15, 10, tzinfo=UTC)
DAILY = Partition("log_data/%Y/%m/%Y-%m-%d-events.json")
FILE = "log_data/2018/11/2018-11-15-events.json"


def hours(*states: str, first: datetime = TEN) -> list[Hour]:
    return [Hour(first + number * HOUR, state) for number, state in enumerate(states)]


def states(warehouse: Warehouse) -> list[tuple[int, str]]:
    return warehouse.rows(
        "select cast(extract(hour from hour_start) as int), state from hour_states order by 1"
    )


def load(pipeline: Pipeline, hour: int, run_id: str | None = None) -> None:
    pipeline.run(f"2018-11-15T{hour:02}:00:00Z", f"2018-11-15T{hour + 1:02}:00:00Z", run_id=run_id)


def test_the_states_of_hours(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(pipeline, 9)
    first = play("2018-11-15 10:00:00")
    source.lines("2018-11-15", "broken")
    with pytest.raises(AirflowFailException, match="reject_share"):
        load(pipeline, 8, "refused")
    warehouse.client.execute("update load_runs set failed_at = now() where run_id = 'refused'")
    source.events(first, visit("2018-11-15 11:00:00"))
    load(pipeline, 10, "ten")
    load(pipeline, 11)
    pipeline.run("2018-11-15T12:10:00Z", "2018-11-15T12:20:00Z")
    pipeline.run_task("stage_events", pipeline.context("2018-11-15T13:00", "2018-11-15T14:00"))
    expected = [(8, "failed"), (9, "missing"), (10, "loaded"), (11, "quiet"), (12, "partial")]
    assert states(warehouse) == [*expected, (13, "under way")]
    assert warehouse.rows(
        "select plays, rejects, run_id from hour_states where state = 'loaded'"
    ) == [(1, 0, "ten")]
    source.events(first, play("2018-11-15 10:30:00", itemInSession=1))
    load(pipeline, 14)
    assert (10, "outdated") in states(warehouse)
    load(pipeline, 10)
    assert (10, "loaded") in states(warehouse)
    load(pipeline, 8)
    assert states(warehouse)[0] == (8, "quiet")


def test_a_run_that_failed_after_the_hour_was_loaded_has_failed_it(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    load(pipeline, 10, "run")
    warehouse.client.execute("update load_runs set failed_at = published_at + interval '1 second'")
    assert states(warehouse) == [(10, "failed")]
    # Repeated, it is as it was until it has come to an end.
    load(pipeline, 10, "run")
    assert states(warehouse) == [(10, "loaded")]


def test_what_the_view_knows_is_read_in_order(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    load(pipeline, 11, "b")
    load(pipeline, 10, "a")
    hook = PostgresHook("sparkify_warehouse")
    assert recorded(hook) == [Hour(TEN, "loaded", 1, 0, "a"), Hour(TEN + HOUR, "quiet", 0, 0, "b")]
    assert list(published_versions(hook, source.url)) == [FILE]
    assert hook.conn_type == POSTGRES


def file(size: int = 10, etag: str = "1", name: str = FILE) -> SourceFile:
    return SourceFile(name, f"memory:///{name}", size, etag)


@pytest.mark.parametrize(
    ("now", "read", "last_hour", "expected"),
    [
        (file(), Version("1", 10), "loaded", ["loaded", "missing", "loaded"]),
        # It grows, as it should: the day is not over.
        (file(20, "2"), Version("1", 10), "loaded", ["loaded", "missing", "loaded"]),
        # It was corrected.
        (file(9, "2"), Version("1", 10), "loaded", ["outdated", "outdated", "outdated"]),
        # It came after the hours were loaded without it.
        (file(), None, "loaded", ["outdated", "outdated", "outdated"]),
        (file(name="song_data/A.json"), None, "loaded", ["loaded", "missing", "loaded"]),
        # Another one is there, and it has gone.
        (None, Version("1", 10), "loaded", ["vanished", "vanished", "vanished"]),
        (file(name=FILE.replace("15", "16")), None, "quiet", ["loaded", "missing", "quiet"]),
        (file(9, "2"), Version("1", 10), "failed", ["outdated", "outdated", "failed"]),
    ],
)
def test_hours_are_compared_with_what_the_source_holds_now(
    now: SourceFile | None, read: Version | None, last_hour: str, expected: list[str]
) -> None:
    versions = {now.name if now else FILE: read} if read else {}
    files = [now] if now else []
    found = mark_outdated(hours("loaded", "missing", last_hour), files, versions, DAILY)
    assert [hour.state for hour in found] == expected


def test_a_corrected_file_is_no_damage_once_it_is_loaded(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    for title in ("First Light", "Last Light"):
        source.events(play("2018-11-15 10:00:00", song=title))
        load(pipeline, 10)
        assert warehouse.column("select song_title from songplays") == [title]
        assert not Audit(PostgresHook("sparkify_warehouse")).run(lambda table: None).was_found


def test_a_file_that_comes_back_as_it_was_is_a_change(
    source: TestSource, warehouse: Warehouse, pipeline: Pipeline
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    load(pipeline, 10)
    path = source.root / FILE
    aside = path.rename(source.root / "aside")
    allowed = Pipeline(pipeline.dag, allow_removed=True)
    allowed.run_hour(TEN.replace(tzinfo=None))
    hook = PostgresHook("sparkify_warehouse")
    assert published_versions(hook, source.url) == {}
    aside.rename(path)
    found = mark_outdated(
        recorded(hook), event_listing(source.url), published_versions(hook, source.url), DAILY
    )
    assert [hour.state for hour in found] == ["outdated"]


def test_a_file_that_grew_after_all_of_its_hours_were_loaded_is_late() -> None:
    day = hours(*["loaded"] * 24, first=TEN.replace(hour=0))
    found = mark_outdated(day, [file(20, "2")], {FILE: Version("1", 10)}, DAILY)
    assert {hour.state for hour in found} == {"outdated"}


@pytest.mark.parametrize(
    ("loaded", "published", "state"),
    [(12, [FILE], "loaded"), (24, [FILE], "outdated"), (12, [], "outdated")],
)
def test_a_further_part_of_a_day_is_late_once_all_of_its_hours_are_loaded(
    loaded: int, published: list[str], state: str
) -> None:
    day = hours(*["loaded"] * loaded, first=TEN.replace(hour=0))
    parts = Partition("log_data/%Y/%m/%Y-%m-%d-*.json")
    files = [file(), file(name=FILE.replace("events", "part-2"))]
    found = mark_outdated(day, files, dict.fromkeys(published, Version("1", 10)), parts)
    assert {hour.state for hour in found} == {state}


def test_hours_that_no_run_was_asked_for_are_absent() -> None:
    found = list(every_hour(hours("loaded"), TEN - HOUR, TEN + 2 * HOUR))
    assert [hour.state for hour in found] == ["absent", "loaded", "absent"]


def test_only_hours_without_a_gap_are_taken_together() -> None:
    found = [*hours("failed", "failed", "outdated"), *hours("outdated", first=TEN + 24 * HOUR)]
    assert [str(span) for span in spans(found)] == [
        "2018-11-15 10:00 to 2018-11-15 12:00",
        "2018-11-15 12:00 to 2018-11-15 13:00",
        "2018-11-16 10:00 to 2018-11-16 11:00",
    ]
    again = "airflow dags backfill --reset-dagruns"
    assert repair_commands(hour.start for hour in found) == [
        f"{again} -s 2018-11-15T10:00 -e 2018-11-15T12:00 sparkify",
        f"{again} -s 2018-11-16T10:00 -e 2018-11-16T10:00 sparkify",
    ]


def test_what_is_told() -> None:
    assert describe(hours("loaded", "quiet")) == (
        "2 hours, 2018-11-15 10:00 to 2018-11-15 12:00 UTC: 1 loaded, 1 quiet"
    )
    assert describe(hours("failed", "missing", "absent", "to come")).splitlines() == [
        "4 hours, 2018-11-15 10:00 to 2018-11-15 14:00 UTC: 1 failed, 1 missing, 1 absent, "
        "1 to come",
        "  2018-11-15 10:00 to 2018-11-15 11:00  failed    its last run failed: see its log, and "
        "fix what it names",
        "  2018-11-15 11:00 to 2018-11-15 12:00  missing   its file was not there, and still is "
        "not",
        "  2018-11-15 12:00 to 2018-11-15 13:00  absent    the warehouse has no load of it",
        "To load them again:",
        "  airflow dags backfill --reset-dagruns -s 2018-11-15T10:00 -e 2018-11-15T10:00 sparkify",
        "  airflow dags backfill --reset-dagruns -s 2018-11-15T12:00 -e 2018-11-15T12:00 sparkify",
        "The schedule loads these hours once they have ended. If they were requested by mistake, "
        "forget them:",
        "  airflow sparkify forget -s 2018-11-15T13:00 -e 2018-11-15T13:00",
    ]


def test_what_the_warehouse_cannot_know_is_taken_from_airflow_and_the_clock() -> None:
    recorded_hours = [
        Hour(TEN, "under way", run_id="killed"),
        Hour(TEN + HOUR, "under way", run_id="at work"),
        Hour(TEN + 2 * HOUR, "loaded", run_id="failed"),
        Hour(TEN + 5 * HOUR, "early", run_id="a range"),
        Hour(TEN + 6 * HOUR, "missing", run_id="a range"),
    ]
    runs = [
        AirflowRun("at work", "running", TEN + HOUR),
        AirflowRun("failed", "failed", TEN + 2 * HOUR),
        AirflowRun("failed before it began", "failed", TEN + 3 * HOUR),
        AirflowRun("to come", "queued", TEN + 4 * HOUR),
        AirflowRun("a range", "failed", None),
    ]
    found = reconcile(recorded_hours, runs, now=TEN + 5 * HOUR + HOUR / 2)
    assert [hour.state for hour in found] == [
        "abandoned",
        "under way",
        "loaded",
        "failed",
        "under way",
        "to come",
        "to come",
    ]
    assert [hour.start for hour in found] == [TEN + number * HOUR for number in range(7)]


def test_the_last_load_of_each_hour_is_known(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    load(pipeline, 10, "first")
    load(pipeline, 10, "second")
    pipeline.run("2018-11-15T11:10:00Z", "2018-11-15T11:20:00Z")
    found = loads(PostgresHook("sparkify_warehouse"), TEN, TEN + 5 * HOUR)
    assert {start: load.run_id for start, load in found.items()} == {TEN: "second"}
    assert datetime.now(UTC) - found[TEN].loaded_at < HOUR


def test_hours_that_never_were_are_taken_back_and_no_others(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"), visit("2018-11-15 11:00:00"))
    pipeline.run("2018-11-15T09:00:00Z", "2018-11-15T13:00:00Z")
    pipeline.run("2081-01-01", "2081-01-02")
    assert [hour.state for hour in recorded(PostgresHook("sparkify_warehouse"))][4:] == [
        "early"
    ] * 24
    year = datetime(2081, 1, 1, tzinfo=UTC)
    hook = PostgresHook("sparkify_warehouse")
    assert forget_hours(hook, year, year + 22 * HOUR) == 23
    assert [hour.start for hour in recorded(hook)][4:] == [year + 23 * HOUR]
    assert forget_hours(hook, TEN - HOUR, year + 23 * HOUR) == 3
    assert states(warehouse) == [(10, "loaded"), (11, "quiet")]


def test_an_hour_that_is_loaded_again_is_under_way_until_that_is_published(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    load(pipeline, 10, "run")
    context = pipeline.context("2018-11-15T10:00", "2018-11-15T11:00", run_id="again")
    pipeline.run_task("stage_events", context)
    assert warehouse.rows("select state, run_id from hour_states") == [("under way", "again")]
    # It was repeated for another window, and says nothing of this hour any more.
    warehouse.client.execute(
        "update load_runs set window_start = '2018-11-15 12:00', window_end = '2018-11-15 13:00' "
        "where run_id = 'again'"
    )
    assert warehouse.rows("select state, run_id from hour_states") == [("loaded", "run")]
    warehouse.client.execute("update hour_loads set loaded_by = null, loaded_at = null")
    assert states(warehouse) == [(10, "abandoned")]


def test_a_part_that_is_loaded_hides_no_failure_of_the_hour(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    load(pipeline, 10)
    context = pipeline.context("2018-11-15T10:00", "2018-11-15T11:00", run_id="failed")
    pipeline.run_task("stage_events", context)
    warehouse.client.execute("update load_runs set failed_at = now() where run_id = 'failed'")
    pipeline.run("2018-11-15T10:30:00Z", "2018-11-15T12:00:00Z")
    assert states(warehouse) == [(10, "failed"), (11, "quiet")]
