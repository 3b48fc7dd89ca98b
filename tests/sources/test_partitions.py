"""Which time a file holds, by its name, and what becomes of lines of another time."""

import json
import random
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow.sdk.exceptions import AirflowFailException
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from local.tools.pipeline import Pipeline
from sparkify.sources.partitions import Partition, events_span
from sparkify.window import FIRST, LAST, LONGEST, Window
from tests.reference import expected, read
from tests.support.search import budget
from tests.support.sources import TestSource
from tests.support.warehouse import Warehouse
from tests.support.zones import ZONES, World, worlds

pytestmark = pytest.mark.usefixtures("reused_sessions")

HOUR = timedelta(hours=1)
DAILY, HOURLY = "%Y-%m-%d", "%Y-%m-%d/%H"


def window(start: str, end: str) -> Window:
    return Window(*(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end)))


@pytest.mark.parametrize(
    ("zone", "name", "span"),
    [
        ("UTC", "2018-11-15", "2018-11-15 00:00 to 2018-11-16 00:00 UTC"),
        ("America/Los_Angeles", "2018-11-03", "2018-11-03 07:00 to 2018-11-04 07:00 UTC"),
        ("America/Los_Angeles", "2018-11-04", "2018-11-04 07:00 to 2018-11-05 08:00 UTC"),
        ("Europe/Berlin", "2018-03-25", "2018-03-24 23:00 to 2018-03-25 22:00 UTC"),
        ("Asia/Kolkata", "2018-11-15", "2018-11-14 18:30 to 2018-11-15 18:30 UTC"),
        ("Europe/Berlin", "2018-10-28/01", "2018-10-27 23:00 to 2018-10-28 00:00 UTC"),
        ("Europe/Berlin", "2018-10-28/02", "2018-10-28 00:00 to 2018-10-28 02:00 UTC"),
        ("Europe/Berlin", "2018-10-28/03", "2018-10-28 02:00 to 2018-10-28 03:00 UTC"),
        ("Australia/Lord_Howe", "2018-04-01/01", "2018-03-31 14:00 to 2018-03-31 15:30 UTC"),
        ("Asia/Kolkata", "2018-11-15/10", "2018-11-15 04:30 to 2018-11-15 05:30 UTC"),
        ("Europe/Berlin", "0001-01-01", "0001-01-01 00:00 to 0001-01-01 23:06 UTC"),
        ("America/New_York", "9999-12-31", "9999-12-31 05:00 to 9999-12-31 23:59 UTC"),
    ],
)
def test_a_file_holds_what_its_name_says_on_the_clocks_of_a_zone(
    zone: str, name: str, span: str
) -> None:
    found = Partition(HOURLY if "/" in name else DAILY, ZoneInfo(zone)).span(name)
    assert str(found) == span


def test_the_hour_that_the_clocks_leave_out_has_no_file() -> None:
    hours = Partition(HOURLY, ZoneInfo("Europe/Berlin"), HOUR)
    assert hours.patterns(window("2018-03-25T01:00", "2018-03-25T01:30")) == [
        "2018-03-25/01",
        "2018-03-25/03",
        "2018-03-25/04",
    ]


def test_the_files_of_an_hour_that_is_no_hour_of_the_zone_are_two() -> None:
    hours = Partition(HOURLY, ZoneInfo("Asia/Kolkata"))
    ten = window("2018-11-15T10:00", "2018-11-15T11:00")
    assert hours.patterns(ten) == ["2018-11-15/15", "2018-11-15/16"]
    assert hours.whole_hours(ten) == ten


def test_with_slack_the_neighbouring_files_are_read_too() -> None:
    days = Partition(DAILY, slack=2 * HOUR)
    late = window("2018-11-15T22:00", "2018-11-15T23:00")
    assert days.patterns(late) == ["2018-11-15", "2018-11-16"]
    assert str(days.span("2018-11-15")) == "2018-11-14 22:00 to 2018-11-16 02:00 UTC"
    assert days.patterns(window("2018-11-15T21:00", "2018-11-15T22:00")) == ["2018-11-15"]
    # Of the hours before and after these, another file may hold events.
    assert str(days.whole_hours(late)) == "2018-11-15 02:00 to 2018-11-16 22:00 UTC"
    assert list(map(str, days.split_hours(late))) == [
        "2018-11-14 22:00 to 2018-11-15 02:00 UTC",
        "2018-11-16 22:00 to 2018-11-17 02:00 UTC",
    ]


def test_an_hour_is_split_where_a_file_begins_within_it() -> None:
    ten = window("2018-11-15T10:00", "2018-11-15T11:00")
    assert Partition(DAILY, ZoneInfo("America/New_York")).split_hours(ten) == []
    assert list(map(str, Partition(HOURLY, ZoneInfo("Asia/Kolkata")).split_hours(ten))) == [
        "2018-11-15 09:00 to 2018-11-15 10:00 UTC",
        "2018-11-15 11:00 to 2018-11-15 12:00 UTC",
    ]
    assert Partition("events.json", slack=HOUR).split_hours(ten) == []


@pytest.mark.parametrize("template", ["%Y", "%Y-%m", "%Y-%j", DAILY, HOURLY])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_the_ends_of_the_calendar_are_no_trouble(template: str, zone: str) -> None:
    partition = Partition(template, ZoneInfo(zone), 3 * HOUR)
    for end in (Window(FIRST, FIRST + HOUR), Window(LAST - 25 * HOUR, LAST)):
        for name in partition.patterns(end):
            span = partition.span(name)
            assert span
            assert span.start < span.end
        assert partition.whole_hours(end)


moments = st.datetimes(datetime(2018, 1, 1), datetime(2018, 12, 31), timezones=st.just(UTC))


@settings(max_examples=budget(150), deadline=None)
@given(
    moment=moments,
    zone=st.sampled_from([*ZONES, "America/Havana", "Antarctica/Troll"]),
    template=st.sampled_from([DAILY, HOURLY, "%Y-%j", "%Y-%m"]),
    slack=st.sampled_from([0, 1, 8]),
    length=st.sampled_from([HOUR, 3 * HOUR, 26 * HOUR]),
)
def test_the_file_of_a_moment_is_read_by_every_window_that_has_the_moment(
    moment: datetime, zone: str, template: str, slack: int, length: timedelta
) -> None:
    partition = Partition(template, ZoneInfo(zone), slack * HOUR)
    name = moment.astimezone(ZoneInfo(zone)).strftime(template)
    for stray in (-slack * HOUR, timedelta(), slack * HOUR):
        span = partition.span(name)
        assert span
        assert span.start <= moment + stray < span.end
        hour = (moment + stray).replace(minute=0, second=0, microsecond=0)
        for start in (hour, hour + HOUR - length):
            its = Window(start, start + length)
            assert name in partition.patterns(its)
            whole = partition.whole_hours(its)
            assert whole.start <= its.start
            assert its.end <= whole.end
            # All that the files may hold is in hours that are whole, or known not to be.
            judged = [whole, *partition.split_hours(its)]
            for held in map(partition.span, partition.patterns(its)):
                assert held
                assert any(part.start <= held.start < part.end for part in judged)
                assert any(part.start < held.end <= part.end for part in judged)
            for end in (whole.start, whole.end - HOUR):
                hours = Window(end, end + HOUR)
                assert set(partition.patterns(hours)) <= set(partition.patterns(its))


@pytest.mark.parametrize("name", ["Berlin", "", "../etc/passwd", "Europe", "/etc/localtime", "a\0"])
def test_a_zone_that_is_none_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION_TIMEZONE", name.replace("\0", ""))
    with pytest.raises(AirflowFailException, match="sparkify_partition_timezone"):
        Partition.from_settings()


@pytest.mark.parametrize("hours", ["-1", "1.5", "two", "", "99999999", "9" * 5000])
def test_a_slack_that_is_no_number_of_hours_is_refused(
    hours: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION_SLACK", hours)
    with pytest.raises(AirflowFailException, match="sparkify_partition_slack"):
        Partition.from_settings()


def test_files_whose_names_say_no_time_span_the_longest_range(
    source: TestSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION", "log_data/**/*.json")
    assert events_span(source.url) is None
    source.lines("2018-11-15", "one")
    span = events_span(source.url)
    assert span
    start, end = span
    assert start < datetime(2018, 11, 15, tzinfo=UTC) < datetime.now(UTC) < end
    assert end - start == LONGEST


def cut(source: TestSource, zone: str, events: list[dict[str, Any]]) -> None:
    """Write files that are cut at a zone's midnight."""
    days = defaultdict(list)
    for event in events:
        at = datetime.fromtimestamp(event["ts"] / 1000, ZoneInfo(zone))
        days[f"{at:%Y-%m-%d}"].append(json.dumps(event))
    for day, lines in days.items():
        source.lines(day, *lines)


def test_the_public_month_cut_at_another_midnight(
    real_source: Path,
    new_warehouse: Callable[[], Warehouse],
    dags: dict[str, Any],
    source: TestSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = sorted(real_source.glob("log_data/*/*/*.json"))
    events = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    cut(source, "America/Los_Angeles", events)
    shutil.copytree(real_source / "song_data", source.root / "song_data")
    pipeline = Pipeline(dags["sparkify"])

    known = new_warehouse()
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION_TIMEZONE", "America/Los_Angeles")
    pipeline.run("2018-10-31", "2018-12-02")
    assert known.contents() == expected(real_source)
    assert known.count("rejected_rows") == 0

    refused = new_warehouse()
    monkeypatch.delenv("AIRFLOW_VAR_SPARKIFY_PARTITION_TIMEZONE")
    with pytest.raises(AirflowFailException, match=r"reject_share(.|\n)*partition_timezone"):
        pipeline.run("2018-10-31", "2018-12-02")
    _, strays = read(source.root, "UTC", 0)
    assert (
        refused.rows("select source_file, line_number from rejected_rows order by 1, 2") == strays
    )
    assert refused.count("songplays") == 0


@settings(
    max_examples=budget(6),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    world=worlds(),
    chance=st.randoms(use_true_random=False),
    knows_zone=st.sampled_from([True, True, False]),
    slack=st.sampled_from([0, 0, 1, 8]),
)
def test_a_line_is_loaded_by_its_file_or_named(
    world: World,
    chance: random.Random,
    knows_zone: bool,
    slack: int,
    new_warehouse: Callable[[], Warehouse],
    dags: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    zone, files = world
    said = zone if knows_zone else "UTC"
    pipeline = Pipeline(dags["sparkify"])
    with tempfile.TemporaryDirectory() as folder:
        source = TestSource(Path(folder))
        for day, events in files.items():
            source.lines(day, *map(json.dumps, events))
        monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", source.url)
        monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")
        monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION_TIMEZONE", said)
        monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION_SLACK", str(slack))
        by_range = new_warehouse()
        span = events_span(source.url)
        assert span
        pipeline.run(*(moment.isoformat() for moment in span))
        _, strays = read(source.root, said, slack)
        assert by_range.contents() == expected(source.root, said, slack)
        rejected = "select source_file, line_number from rejected_rows order by 1, 2"
        assert by_range.rows(rejected) == strays

        # An hour by itself, and again after its neighbours, changes nothing.
        hours = [span[0] + HOUR * number for number in range((span[1] - span[0]) // HOUR)]
        middle = hours[len(hours) // 2 - 14 :][:28]
        for hour in chance.sample(middle, 6):
            pipeline.run_hour(hour)
        assert by_range.contents() == expected(source.root, said, slack)
        assert by_range.rows(rejected) == strays
        assert by_range.value("select count(*) from hour_states where state = 'outdated'") == 0
