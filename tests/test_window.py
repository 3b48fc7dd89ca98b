"""Which time a run loads."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.types import DagRunType

from sparkify.sources.partitions import Partition
from sparkify.window import Window

NINE, TEN, ELEVEN = (datetime(2018, 11, 15, hour, tzinfo=UTC) for hour in (9, 10, 11))
BEFORE_NOW = datetime(2018, 11, 20, 12, tzinfo=UTC)
SCHEDULED = {"logical_date": TEN, "data_interval_start": TEN, "data_interval_end": ELEVEN}
BY_HAND = {"logical_date": TEN, "data_interval_start": NINE, "data_interval_end": TEN}
NO_DATE = dict.fromkeys(SCHEDULED)


def window(
    run: dict[str, Any] = NO_DATE,
    run_type: DagRunType = DagRunType.MANUAL,
    **params: str | None,
) -> Window:
    nothing = {"start": None, "end": None}
    return Window.of_run(
        {
            "params": nothing | params,
            "dag": SimpleNamespace(params=nothing),
            "dag_run": SimpleNamespace(run_type=run_type, **run),
        }
    )


@pytest.mark.parametrize("run_type", [DagRunType.SCHEDULED, DagRunType.BACKFILL_JOB])
def test_a_run_of_the_schedule_or_a_backfill_has_its_interval(run_type: DagRunType) -> None:
    assert window(SCHEDULED, run_type) == Window(TEN, ELEVEN)
    month = {"data_interval_end": TEN + timedelta(days=30)}
    assert window(SCHEDULED | month, run_type) == Window(TEN, TEN + timedelta(days=30))


# A backfill that clears a run by hand makes it one of its own.
@pytest.mark.parametrize("run_type", [DagRunType.MANUAL, DagRunType.BACKFILL_JOB])
@pytest.mark.parametrize("minute", [0, 30])
# As REST and `dags test` infer it, as `dags trigger` does, and as it is.
@pytest.mark.parametrize("inferred", [NINE, BEFORE_NOW, TEN])
def test_a_run_by_hand_has_the_hour_of_its_date(
    run_type: DagRunType, minute: int, inferred: datetime
) -> None:
    run = {
        "logical_date": TEN.replace(minute=minute),
        "data_interval_start": inferred,
        "data_interval_end": inferred + timedelta(hours=1),
    }
    assert window(run, run_type) == Window(TEN, ELEVEN)


def test_a_moment_is_what_airflow_says_in_whatever_class() -> None:
    run = {name: pendulum.instance(moment).in_timezone("CET") for name, moment in BY_HAND.items()}
    found = window(run)
    assert found == Window(TEN, ELEVEN)
    assert Partition("%Y-%m-%d/%H").patterns(found) == ["2018-11-15/10"]


@pytest.mark.parametrize(
    ("run", "run_type"), [(SCHEDULED, DagRunType.SCHEDULED), (BY_HAND, DagRunType.MANUAL)]
)
def test_the_lookback_reaches_before_the_hour(
    run: dict[str, Any], run_type: DagRunType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_LOOKBACK_MINUTES", "90")
    start = datetime(2018, 11, 15, 8, 30, tzinfo=UTC)
    assert window(run, run_type) == Window(start, ELEVEN)


def test_a_range_wins_over_the_hour_and_has_no_lookback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_LOOKBACK_MINUTES", "90")
    found = window(BY_HAND, start="2018-11-15T11:00:00Z", end="2018-11-15T12:00:00Z")
    assert found == Window(ELEVEN, datetime(2018, 11, 15, 12, tzinfo=UTC))


RANGES = [
    ("2018-11-15T10:00", "2018-11-15T11:00"),
    ("2018-11-15 10:00:00", "2018-11-15T11:00:00.000Z"),
    ("2018-11-15T11:00:00+01:00", "2018-11-15T06:00:00-05:00"),
]


@pytest.mark.parametrize(("start", "end"), RANGES)
def test_a_range_is_utc_unless_it_says_otherwise(start: str, end: str) -> None:
    assert window(start=start, end=end) == Window(TEN, ELEVEN)


def test_a_range_may_be_dates() -> None:
    day, next_day = datetime(2018, 11, 15, tzinfo=UTC), datetime(2018, 11, 16, tzinfo=UTC)
    assert window(start="2018-11-15", end="2018-11-16") == Window(day, next_day)


def test_a_range_may_be_twenty_years() -> None:
    assert window(start="2004-01-01", end="2024-01-01").hour_count == 20 * 8766


@pytest.mark.parametrize("name", ["start", "end"])
@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        *((bound, True) for bounds in RANGES for bound in bounds),
        ("2018-11-15", True),
        (None, True),
        ("", False),
        ("yesterday", False),
        ("2018-13-01", False),
        ("2018-11-15T24:00", False),
        ("2018-11-15T10:00+25:00", False),
        ("2018-11-15T10:00 Europe/Berlin", False),
        ("2018-11-15T10:00:00Z; drop table users", False),
        (20181115, False),
    ],
)
def test_airflow_refuses_what_is_no_moment_when_a_run_is_triggered(
    dags: dict[str, DAG], name: str, value: object, is_one: bool
) -> None:
    # What the API server and the CLI validate.
    dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dags["sparkify"]))
    merged = dag.params.deep_merge({name: value})
    if is_one:
        merged.validate()
    else:
        with pytest.raises(ValueError, match=f"Invalid input for param {name}"):
            merged.validate()


FROM_NINE = {"data_interval_start": NINE, "data_interval_end": TEN + timedelta(days=30)}
DAY = {"start": "2018-11-15", "end": "2018-11-16"}


@pytest.mark.parametrize(
    ("run", "params", "sentence"),
    [
        (NO_DATE, {}, "no logical date.*start and end"),
        (BY_HAND | FROM_NINE, {}, "given the data interval 2018-11-15 09:00 to 2018-12-15 10:00"),
        (BY_HAND | {"data_interval_start": TEN}, {}, "10:00 UTC, but .* Trigger it without an int"),
        (BY_HAND, {"start": "2018-11-15"}, "needs both params"),
        (BY_HAND, {"end": "2018-11-15"}, "needs both params"),
        (NO_DATE, {"start": "2018-11-15", "end": "2018-11-15"}, "The range is empty"),
        (NO_DATE, {"start": "2018-11-16", "end": "2018-11-15"}, "not before end"),
        (NO_DATE, {"start": "2018-11-31", "end": "2018-12-15"}, "The param start is '2018-11-31'"),
        (
            BY_HAND,
            {"from": "2018-11-15"},
            "given 'from', which the DAG has no param for. Its params are",
        ),
        (NO_DATE, DAY | {"End": "2018-11-15"}, "given 'End'"),
        (
            NO_DATE,
            DAY | {"start": "1918-11-15"},
            "from start 1918-11-15 to end 2018-11-16 it is more than 20 years",
        ),
        (NO_DATE, DAY | {"start": "0018-11-15"}, "The range is too long"),
    ],
)
def test_a_run_without_a_window_is_refused(
    run: dict[str, Any], params: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(AirflowFailException, match=sentence):
        window(run, **params)


def test_a_backfill_takes_no_range() -> None:
    with pytest.raises(AirflowFailException, match="A backfill has a run for each hour"):
        window(SCHEDULED, DagRunType.BACKFILL_JOB, **DAY)


@pytest.mark.parametrize("value", ["-5", "1.5", "an hour", ""])
def test_a_lookback_that_is_no_number_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_LOOKBACK_MINUTES", value)
    with pytest.raises(AirflowFailException, match="sparkify_lookback_minutes"):
        window(SCHEDULED, DagRunType.SCHEDULED)


def test_the_start_belongs_to_it_and_the_end_does_not() -> None:
    assert Window(TEN, ELEVEN).holds("ts") == (
        "(ts >= timestamp '2018-11-15 10:00:00.000000' "
        "and ts < timestamp '2018-11-15 11:00:00.000000')"
    )


def test_the_hours_and_days_that_a_window_touches() -> None:
    window = Window(datetime(2018, 11, 15, 10, 30, tzinfo=UTC), datetime(2018, 11, 16, tzinfo=UTC))
    assert str(window.touched_hours) == "2018-11-15 10:00 to 2018-11-16 00:00 UTC"
    assert str(window.touched_days) == "2018-11-15 00:00 to 2018-11-16 00:00 UTC"
