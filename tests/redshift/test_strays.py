"""Lines of another time than their file's, where COPY cannot tell a row's file."""

import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from local.tools.pipeline import Pipeline
from sparkify.sources.base import SourceFile
from sparkify.staging.strays import agree, outside, separated, unit
from sparkify.window import Window
from tests.reference import expected, read
from tests.support.search import budget
from tests.support.sources import Bucket, TestSource, play
from tests.support.warehouse import Warehouse
from tests.support.zones import World, worlds

DAYS = ("2018-11-14", "2018-11-17")
HOUR = timedelta(hours=1)


def name(day: int) -> str:
    return f"log_data/2018/11/2018-11-{day}-events.json"


def lines(*events: dict[str, Any]) -> str:
    return "\n".join(map(json.dumps, events))


@pytest.fixture
def rejects(
    redshift_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[tuple[Any, ...]]]:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")
    return lambda: redshift_warehouse.rows(
        "select source_file, line_number, column_name, reason from rejected_rows order by 1, 2"
    )


def test_a_line_of_no_day_that_is_read_is_rejected(
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    rejects: Callable[[], list[tuple[Any, ...]]],
) -> None:
    bucket.put(name(15), lines(play("2018-11-15 10:00:00"), play("2018-11-16 00:00:00")))
    redshift_pipeline.run("2018-11-15", "2018-11-16")
    assert rejects() == [
        (
            name(15),
            2,
            "ts",
            "ts is outside of what the file may hold, 2018-11-15 00:00 to 2018-11-16 00:00 UTC: "
            "2018-11-16 00:00:00.000 UTC",
        )
    ]
    assert redshift_warehouse.rows("select row_count, reject_count from file_ledger") == [(1, 1)]


@pytest.mark.parametrize("manifests", [False, True])
def test_a_line_of_another_day_that_is_read_is_rejected_and_its_twin_is_not(
    manifests: bool,
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    rejects: Callable[[], list[tuple[Any, ...]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if manifests:
        place = f"s3://{bucket.name}/manifests"
        monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_MANIFEST_PREFIX", place)
    twin, no_user = play("2018-11-16 10:00:00"), play("2018-11-15 11:00:00", userId="")
    bucket.put(name(14), lines(play("2018-11-14 10:00:00")) + "\nbroken")
    bucket.put(name(15), lines(twin, play("2018-11-15 10:00:00"), no_user, play("2018-11-18")))
    bucket.put(name(16), lines(twin, play("2018-11-16 11:00:00", itemInSession=1)))
    redshift_pipeline.run(*DAYS)
    assert [reject[:3] for reject in rejects()] == [
        (name(14), 2, None),
        (name(15), 1, "ts"),
        (name(15), 3, None),
        (name(15), 4, "ts"),
    ]
    assert redshift_warehouse.column("select start_time from songplays order by 1") == [
        datetime(2018, 11, 14, 10),
        datetime(2018, 11, 15, 10),
        datetime(2018, 11, 16, 10),
        datetime(2018, 11, 16, 11),
    ]
    assert redshift_warehouse.column("select staged from load_runs") == [4]
    standing = "select count(*) from pg_tables where tablename like 'staging_events_%'"
    assert redshift_warehouse.value(standing) == 0


@settings(
    max_examples=budget(5),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(world=worlds())
def test_a_line_is_loaded_by_its_file_or_named(
    world: World,
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    rejects: Callable[[], list[tuple[Any, ...]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    zone, files = world
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION_TIMEZONE", zone)
    redshift_warehouse.client.execute("truncate file_ledger, rejected_rows, hour_loads, users")
    redshift_warehouse.client.execute("truncate songplays, user_events, user_levels, time")
    redshift_warehouse.client.execute("truncate session_hours, song_days")
    with tempfile.TemporaryDirectory() as folder:
        source = TestSource(Path(folder))
        for day, events in files.items():
            bucket.put(
                str(source.lines(day, lines(*events)).relative_to(source.root)), lines(*events)
            )
        strays = read(source.root, zone, 0)[1]
        contents = expected(source.root, zone)
    days = sorted(files)
    first, last = datetime.fromisoformat(days[0]), datetime.fromisoformat(days[-1])
    redshift_pipeline.run(f"{first - 12 * HOUR}", f"{last + 36 * HOUR}")
    assert [reject[:2] for reject in rejects()] == strays
    assert redshift_warehouse.contents() == contents


def test_two_files_do_not_exchange_lines(
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    rejects: Callable[[], list[tuple[Any, ...]]],
) -> None:
    bucket.put(name(15), lines(play("2018-11-15 10:00:00"), play("2018-11-16 11:00:00")))
    bucket.put(name(16), lines(play("2018-11-16 10:00:00"), play("2018-11-15 11:00:00")))
    redshift_pipeline.run("2018-11-15", "2018-11-17")
    assert [reject[:2] for reject in rejects()] == [(name(15), 2), (name(16), 2)]
    assert redshift_warehouse.column("select start_time from songplays order by 1") == [
        datetime(2018, 11, 15, 10),
        datetime(2018, 11, 16, 10),
    ]


def day(number: int, hours: int = 24) -> Window:
    start = datetime(2018, 11, number, tzinfo=UTC)
    return Window(start, start + hours * HOUR)


def file(number: int) -> SourceFile:
    return SourceFile(name(number), "", 0, "")


def test_what_is_counted() -> None:
    spans = {file(14): day(14), file(15): day(15)}
    noon, night = (datetime(2018, 11, 14, hour, tzinfo=UTC) for hour in (12, 23))
    held = {noon: 2, night + HOUR: 1}
    assert agree(spans, {file(14): 2, file(15): 1}, held)
    assert not agree(spans, {file(14): 1, file(15): 2}, held)
    # A row of two files' time may be of either.
    wide = {file(14): day(14, 26), file(15): day(15)}
    assert agree(wide, {file(14): 2, file(15): 1}, held)
    assert agree(wide, {file(14): 3, file(15): 0}, held)
    assert not agree(wide, {file(14): 1, file(15): 2}, held)


def test_spans_that_meet_are_one_range() -> None:
    assert outside("ts", [day(15), day(14), day(17)]) == (
        f"not ({Window(day(14).start, day(15).end).holds('ts')} or {day(17).holds('ts')})"
    )
    assert unit([day(14)]) == "hour"
    assert unit([Window(day(14).start, day(14).end - HOUR / 2)]) == "minute"


def test_files_that_stray_into_each_other_are_apart() -> None:
    spans = {file(number): day(number) for number in range(10, 20)}
    assert list(separated(spans, {})) == [list(spans)]
    strays = {one: [span.end] for one, span in spans.items()}
    even, odd = separated(spans, strays)
    assert even == [file(number) for number in range(10, 20, 2)]
    assert odd == [file(number) for number in range(11, 20, 2)]
