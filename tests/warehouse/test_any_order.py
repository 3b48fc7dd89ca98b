"""The warehouse is a function of the source files: any order, any repetition, any concurrency."""

import json
import random
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from local.tools.pipeline import Pipeline
from tests.reference import expected
from tests.support.search import budget
from tests.support.sources import TestSource, milliseconds, play, song
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")

HOURLY = timedelta(days=min(30, budget(3, "SPARKIFY_HOURLY_DAYS")))
"""How much of the public month is loaded by the hour; the rest is, by the day."""

HOURS = [datetime(2018, 11, 15, 22) + timedelta(hours=number) for number in range(4)]
AGENTS = ["one", "two", "three", None]
TITLES = ["First Light", "Björk", "BjÃ\x83Â¶rk"]


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """An event of few users in few hours, so that ties, flips and duplicates are common."""
    moment = draw(st.sampled_from(HOURS)) + timedelta(
        minutes=draw(st.sampled_from([0, 0, 30, 59])),
        seconds=draw(st.sampled_from([0, 59])),
        milliseconds=draw(st.sampled_from([0, 999])),
    )
    is_play = draw(st.booleans())
    return play(
        moment.isoformat(),
        userId=draw(st.sampled_from(["1", "2", "2", "3", ""])),
        level=draw(st.sampled_from(["free", "paid"])),
        firstName=draw(st.sampled_from(["Ada", "Grace"])),
        itemInSession=draw(st.integers(0, 2)),
        sessionId=draw(st.integers(1, 2)),
        page="NextSong" if is_play else "Home",
        userAgent=draw(st.sampled_from(AGENTS)),
        song=draw(st.sampled_from(TITLES)) if is_play else None,
    )


@st.composite
def songs(draw: st.DrawFn) -> dict[str, Any]:
    """A song of a tiny catalogue; drawn again, it is a correction of its file."""
    return song(
        draw(st.sampled_from(["SO1", "SO2", "SO3"])),
        title=draw(st.sampled_from(TITLES)),
        artist_id=draw(st.sampled_from(["AR1", "AR2"])),
        artist_location=draw(st.sampled_from(["", "Here", "There"])),
        year=draw(st.sampled_from([0, 1999])),
    )


worlds = st.lists(
    st.tuples(st.lists(events(), max_size=8), st.lists(songs(), max_size=3)),
    min_size=1,
    max_size=3,
)
"""States of a source one after the other: each has events of its own, and songs that stay."""


def load_all(pipeline: Pipeline, hours: list[datetime], at_once: int) -> None:
    for _ in pipeline.run_hours(hours, at_once):
        pass


def write(source: TestSource, some_events: list[Any], some_songs: list[Any]) -> None:
    for day in ("2018-11-15", "2018-11-16"):
        source.lines(day, "")
    source.events(*sorted(some_events, key=lambda event: event["ts"]))
    source.songs(*some_songs)


@settings(
    max_examples=budget(12),
    # A failing schedule takes minutes to shrink, and is small as it is.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(world=worlds, chance=st.randoms(use_true_random=False), at_once=st.sampled_from([1, 1, 3]))
def test_any_schedule_gives_what_the_files_say(
    world: list[Any],
    chance: random.Random,
    at_once: int,
    new_warehouse: Callable[[], Warehouse],
    dags: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # From one state of the source to the next an hour may lose all it had.
    pipeline = Pipeline(dags["sparkify"], allow_removed=True)
    with tempfile.TemporaryDirectory() as folder:
        source = TestSource(Path(folder))
        monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", source.url)
        monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")
        warehouse = new_warehouse()
        for some_events, some_songs in world[:-1]:
            write(source, some_events, some_songs)
            load_all(pipeline, chance.sample(HOURS, chance.randint(0, 3)), at_once)
        write(source, *world[-1])
        load_all(pipeline, chance.sample(HOURS, len(HOURS)) + chance.sample(HOURS, 1), at_once)
        assert warehouse.contents() == expected(source.root)
        played = "select distinct user_agent from songplays where user_agent is not null"
        assert warehouse.count("user_agents") == len(warehouse.rows(played))
        assert warehouse.rows(f"{played} except select user_agent from user_agents") == []

        single = new_warehouse()
        pipeline.run("2018-11-15T22:00:00Z", "2018-11-16T02:00:00Z")
        assert single.contents() == warehouse.contents()


def test_a_song_that_comes_after_its_plays_is_linked_to_them(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"), play("2018-11-16 10:00:00", itemInSession=1))
    pipeline.run("2018-11-15", "2018-11-17")
    source.songs(song("SO2"))
    pipeline.run("2018-11-20", "2018-11-21")
    assert warehouse.column("select song_id from songplays") == ["SO2", "SO2"]
    source.songs(song("SO1", artist_id="AROTHER"))
    pipeline.run("2018-11-20", "2018-11-21")
    assert warehouse.rows("select song_id, artist_id from songplays") == [("SO1", "AROTHER")] * 2
    source.songs(song("SO1", artist_id="AROTHER", title="Quite another"))
    pipeline.run("2018-11-20", "2018-11-21")
    assert warehouse.column("select song_id from songplays") == ["SO2", "SO2"]


def test_an_event_that_came_late_is_loaded_within_the_lookback(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    pipeline.run_hour(datetime(2018, 11, 15, 10))
    source.events(play("2018-11-15 10:00:00"), play("2018-11-15 10:59:00", itemInSession=1))
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_LOOKBACK_MINUTES", "60")
    pipeline.run_in(
        pipeline.context(
            dag_run=SimpleNamespace(
                run_type="scheduled",
                logical_date=datetime(2018, 11, 15, 11),
                data_interval_start=datetime(2018, 11, 15, 11),
                data_interval_end=datetime(2018, 11, 15, 12),
            )
        )
    )
    assert warehouse.count("songplays") == 2


def test_an_event_that_came_later_than_the_lookback_is_told_of(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    pipeline.run_hour(datetime(2018, 11, 15, 10))
    late = "select value from quality_results where check_name = 'hours_as_loaded'"
    assert warehouse.column(late) == [0]
    source.events(
        play("2018-11-15 09:00:00", itemInSession=5),
        play("2018-11-15 10:00:00"),
        play("2018-11-15 10:59:00", itemInSession=1),
        play("2018-11-15 12:00:00", itemInSession=2),
    )
    pipeline.run_hour(datetime(2018, 11, 15, 12))
    # 10:00 was loaded and has one more event now; 09:00 was never loaded, so nothing is late.
    assert sorted(warehouse.column(late)) == [0, 1]
    pipeline.run_hour(datetime(2018, 11, 15, 10))
    pipeline.run_hour(datetime(2018, 11, 15, 12))
    assert sorted(warehouse.column(late)) == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("zone", "slack", "hour"),
    [
        ("UTC", "1", datetime(2018, 11, 15, 0)),
        ("UTC", "1", datetime(2018, 11, 15, 23)),
        ("Asia/Kolkata", "0", datetime(2018, 11, 14, 18)),
    ],
)
def test_it_is_told_of_where_its_hour_lies_in_two_files(
    zone: str,
    slack: str,
    hour: datetime,
    pipeline: Pipeline,
    source: TestSource,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The hours around it read one of these files only."""
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION_TIMEZONE", zone)
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION_SLACK", slack)
    another = datetime(2018, 11, 15, 12)
    events = [
        play(str(hour + timedelta(minutes=35))),
        play(str(another), itemInSession=1),
        play(str(hour + timedelta(minutes=45)), itemInSession=2),
    ]
    for day in ("2018-11-14", "2018-11-16"):
        source.lines(day, "")
    source.lines("2018-11-15", *map(json.dumps, events[:2]))
    pipeline.run_hour(hour)
    pipeline.run_hour(another)
    source.lines("2018-11-15", *map(json.dumps, events))
    pipeline.run_hour(another)
    late = "select value from quality_results where check_name = 'hours_as_loaded'"
    assert warehouse.column(f"{late} order by checked_at") == [0, 0, 1]
    outdated = "select hour_start from hour_states where state = 'outdated'"
    assert warehouse.column(outdated) == [hour]
    pipeline.run_hour(hour)
    pipeline.run_hour(another)
    assert warehouse.column(f"{late} order by checked_at") == [0, 0, 1, 0, 0]
    assert warehouse.count("songplays") == 3


def test_the_public_month_in_hours_and_days_in_any_order_eight_at_a_time(
    pipeline: Pipeline,
    warehouse: Warehouse,
    new_warehouse: Callable[[], Warehouse],
    real_source: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", real_source.as_uri())
    begin, end = datetime(2018, 11, 1), datetime(2018, 12, 1)
    spans = [
        *cut(begin, begin + HOURLY, timedelta(hours=1)),
        *cut(begin + HOURLY, end, timedelta(days=1)),
    ]
    chance = random.Random(20181101)  # noqa: S311 - the same shuffle every time
    again = chance.sample(spans, 30)
    chance.shuffle(spans)
    with ThreadPoolExecutor(8) as runs:
        list(runs.map(lambda span: pipeline.run(*map(str, span)), spans + again))
    in_any_order = warehouse.contents()
    single = new_warehouse()
    pipeline.run("2018-11-01", "2018-12-01")
    slow = "select check_name, seconds from quality_results where seconds > 3"
    assert single.rows(slow) == [], "no statistics have been collected yet"
    assert in_any_order == single.contents()
    assert in_any_order == expected(real_source)
    assert len(in_any_order["songplays"]) == 6820


def cut(start: datetime, end: datetime, length: timedelta) -> list[tuple[datetime, datetime]]:
    """Cut a time into spans of a length."""
    count = (end - start) // length
    return [(start + number * length, start + (number + 1) * length) for number in range(count)]


def test_the_reference_reads_the_form_that_the_tests_write(source: TestSource) -> None:
    source.events(play("2018-11-15 10:00:00.796"))
    assert milliseconds("2018-11-15 10:00:00.796") == 1542276000796
    assert expected(source.root)["users"] == [
        (1, "Ada", "Lovelace", "F", "free", datetime(2018, 11, 15, 10, 0, 0, 796000))
    ]
