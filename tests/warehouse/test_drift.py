"""Sources that change their keys: what is noticed, once, and what is not."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from local.tools.pipeline import Pipeline
from tests.support.sources import TestSource, play, song
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")

Event = dict[str, Any]
Change = Callable[[Event], Event]
FIRST = datetime(2018, 11, 15)


def events(day: datetime, change: Change = dict, count: int = 40) -> list[str]:
    """A day's lines, all of them changed in the same way."""
    made = (
        play(f"{day + timedelta(seconds=number)}", itemInSession=number) for number in range(count)
    )
    return [json.dumps(change(event)) for event in made]


def renamed(event: Event) -> Event:
    names = {"userAgent": "user_agent", "location": "place"}
    return {names.get(key, key): value for key, value in event.items()}


def lost(event: Event) -> Event:
    return {key: value for key, value in event.items() if key != "level"}


def emptied(event: Event) -> Event:
    return event | {"level": ""}


def gained(event: Event) -> Event:
    return event | {"device": {"os": "x"}, "tags": ["a"], "muted": None}


def retyped(event: Event) -> Event:
    return event | {"userId": 1, "registration": "1540344794796.0"}


Found = list[tuple[str, str, str | None, str | None]]
FOUND: dict[Change, Found] = {
    renamed: [
        ("new key", "place", None, "text"),
        ("new key", "user_agent", None, "text"),
        ("not filled", "location", "location", None),
        ("not filled", "userAgent", "useragent", None),
    ],
    lost: [("not filled", "level", "level", None)],
    emptied: [("not filled", "level", "level", None)],
    gained: [
        ("new key", "device", None, "object"),
        ("new key", "muted", None, "null"),
        ("new key", "tags", None, "list"),
    ],
    retyped: [
        ("new kind", "registration", "registration", "text"),
        ("new kind", "userId", "userid", "number"),
    ],
    dict: [],
}
CHANGES = (
    "select change, key_name, column_name, kind from key_changes where change <> 'first seen' "
    "order by 1, 2"
)
WARNED = "select value from quality_results where check_name = 'keys_as_before' order by checked_at"


class Days:
    """A source whose days are loaded one after the other."""

    def __init__(self, source: TestSource, pipeline: Pipeline) -> None:
        self.source = source
        self.pipeline = pipeline

    def write(self, day: int, *lines: str) -> str:
        return self.source.lines(f"{FIRST + timedelta(days=day):%Y-%m-%d}", *lines).name

    def load(self, day: int, run_id: str | None = None) -> None:
        start = FIRST + timedelta(days=day)
        self.pipeline.run(f"{start}", f"{start + timedelta(days=1)}", run_id=run_id)

    def add(self, day: int, change: Change = dict, count: int = 40) -> None:
        self.write(day, *events(FIRST + timedelta(days=day), change, count))
        self.load(day)


@pytest.fixture
def days(source: TestSource, pipeline: Pipeline) -> Days:
    return Days(source, pipeline)


@pytest.mark.parametrize("change", FOUND, ids=lambda change: change.__name__)
def test_a_change_is_reported_once(change: Change, days: Days, warehouse: Warehouse) -> None:
    days.add(0)
    days.add(1, change)
    assert warehouse.rows(CHANGES) == FOUND[change]
    assert warehouse.column("select distinct source_file from source_changes") == (
        ["log_data/2018/11/2018-11-16-events.json"] if FOUND[change] else []
    )
    days.load(1)
    days.add(2, change)
    assert warehouse.column(WARNED) == [0, len(FOUND[change]), 0, 0]
    assert warehouse.rows(CHANGES) == FOUND[change]


def test_what_is_lost_came_back_and_is_lost_again_is_reported_again(
    days: Days, warehouse: Warehouse
) -> None:
    changes: list[Change] = [dict, lost, *[dict] * 5, lost]
    for day, change in enumerate(changes):
        days.add(day, change, count=400)
    assert warehouse.column(WARNED) == [change is lost for change in changes]


def test_a_change_within_a_growing_file_is_reported_once(
    days: Days, warehouse: Warehouse, pipeline: Pipeline
) -> None:
    lines: list[str] = []
    changes: list[Change] = [dict, dict, renamed, renamed, renamed]
    for hour, change in enumerate(changes):
        start = FIRST + timedelta(hours=hour)
        lines += events(start, change, count=50)
        days.write(0, *lines)
        pipeline.run(f"{start}", f"{start + timedelta(hours=1)}")
    assert warehouse.column(WARNED) == [0, 0, 4, 0, 0]
    assert warehouse.rows(CHANGES) == FOUND[renamed]


@pytest.mark.parametrize("count", [1, 4])
def test_a_few_records_prove_no_loss(count: int, days: Days, warehouse: Warehouse) -> None:
    days.add(0)
    days.add(1, lost, count)
    assert warehouse.column(WARNED) == [0, 0]


def test_two_kinds_of_files_in_turn_are_reported_once(days: Days, warehouse: Warehouse) -> None:
    for day in range(6):
        days.add(day, lost if day % 2 else dict, count=400)
    assert sum(warehouse.column(WARNED)) <= 2


def test_what_is_loaded_later_from_before_is_compared_with_what_was_before_it(
    days: Days, warehouse: Warehouse
) -> None:
    for day in (5, 1, 6, 2, 7):
        days.add(day, dict if day >= 5 else lost)
    assert warehouse.column(WARNED) == [0, 0, 0, 0, 0]


def test_by_setting_a_change_stops_the_run_until_it_is_accepted(
    days: Days, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_DRIFT", "error")
    days.add(0)
    days.write(1, *events(FIRST + timedelta(days=1), lost))
    for run_id in ("one", "one", "another"):
        with pytest.raises(
            AirflowException, match=r"11-16-events.json, change not filled, .*column_name level"
        ):
            days.load(1, run_id)
    assert warehouse.count("songplays") == 40
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_DRIFT", "warn")
    days.load(1, "one")
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_DRIFT", "error")
    days.load(1, "another")
    days.add(2, lost)
    assert warehouse.count("songplays") == 120


def test_the_setting_is_one_of_two(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_DRIFT", "off")
    with pytest.raises(AirflowFailException, match=r"sparkify_drift is 'off'; it must be warn or"):
        days.load(0)


def test_songs_are_one_sample(source: TestSource, days: Days, warehouse: Warehouse) -> None:
    source.songs(*(song(f"SO{number}") for number in range(20)))
    days.add(0)
    source.songs(*(song(f"SP{number}", title=number, label="x") for number in range(3)))
    days.load(0)
    assert warehouse.rows(CHANGES) == [
        ("new key", "label", None, "text"),
        ("new kind", "title", "title", "number"),
    ]
    named = song("SQ")
    del named["title"]
    source.songs(*(named | {"song_id": f"SQ{number}"} for number in range(5)))
    days.load(0)
    assert warehouse.rows(CHANGES)[-1:] == [("not filled", "title", "title", None)]


def test_samples_expire_with_their_readings(days: Days, warehouse: Warehouse) -> None:
    days.add(0)
    days.load(0)
    latest = warehouse.column("select max(reading) from readings")
    assert warehouse.column("select distinct reading from file_keys") == latest
    warehouse.client.execute("update readings set began_at = began_at - interval '100 days'")
    days.add(1)
    assert warehouse.column("select distinct source_file from file_keys") == [
        "log_data/2018/11/2018-11-16-events.json"
    ]
