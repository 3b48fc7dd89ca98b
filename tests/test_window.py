"""Which time a run loads."""

from datetime import UTC, datetime
from typing import Any

import pendulum
import pytest
from airflow.sdk.exceptions import AirflowFailException

from sparkify.partitions import Partition
from sparkify.window import Window

TEN, ELEVEN = datetime(2018, 11, 15, 10, tzinfo=UTC), datetime(2018, 11, 15, 11, tzinfo=UTC)


def window(start: str | None = None, end: str | None = None, **context: Any) -> Window:
    return Window.of_run({"params": {"start": start, "end": end}, **context})


def test_a_scheduled_run_has_its_interval() -> None:
    assert window(data_interval_start=TEN, data_interval_end=ELEVEN) == Window(TEN, ELEVEN)


def test_an_interval_is_what_airflow_says_in_whatever_class() -> None:
    start, end = (pendulum.instance(moment).in_timezone("CET") for moment in (TEN, ELEVEN))
    found = window(data_interval_start=start, data_interval_end=end)
    assert found == Window(TEN, ELEVEN)
    assert Partition("%Y-%m-%d/%H").patterns(found) == ["2018-11-15/10"]


def test_the_lookback_reaches_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_LOOKBACK_MINUTES", "90")
    start = datetime(2018, 11, 15, 8, 30, tzinfo=UTC)
    assert window(data_interval_start=TEN, data_interval_end=ELEVEN) == Window(start, ELEVEN)


def test_a_range_wins_over_the_interval_and_has_no_lookback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_LOOKBACK_MINUTES", "90")
    moment = datetime(2020, 1, 1, tzinfo=UTC)
    context = {"data_interval_start": moment, "data_interval_end": moment}
    assert window("2018-11-15T10:00:00Z", "2018-11-15T11:00:00Z", **context) == Window(TEN, ELEVEN)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2018-11-15T10:00", "2018-11-15T11:00"),
        ("2018-11-15T11:00:00+01:00", "2018-11-15T06:00:00-05:00"),
    ],
)
def test_a_range_is_utc_unless_it_says_otherwise(start: str, end: str) -> None:
    assert window(start, end) == Window(TEN, ELEVEN)


def test_a_range_may_be_dates() -> None:
    day, next_day = datetime(2018, 11, 15, tzinfo=UTC), datetime(2018, 11, 16, tzinfo=UTC)
    assert window("2018-11-15", "2018-11-16") == Window(day, next_day)


@pytest.mark.parametrize(
    ("start", "end", "sentence"),
    [
        (None, None, "no logical date.*start and end"),
        ("2018-11-15", None, "needs both params"),
        (None, "2018-11-15", "needs both params"),
        ("2018-11-15", "2018-11-15", "The range is empty"),
        ("2018-11-16", "2018-11-15", "not before end"),
        ("yesterday", "2018-11-15", "The param start is 'yesterday'"),
    ],
)
def test_a_run_without_a_window_is_refused(
    start: str | None, end: str | None, sentence: str
) -> None:
    with pytest.raises(AirflowFailException, match=sentence):
        window(start, end, data_interval_start=None)


@pytest.mark.parametrize("value", ["-5", "1.5", "an hour", ""])
def test_a_lookback_that_is_no_number_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_LOOKBACK_MINUTES", value)
    with pytest.raises(AirflowFailException, match="sparkify_lookback_minutes"):
        window(data_interval_start=TEN, data_interval_end=ELEVEN)


def test_the_start_belongs_to_it_and_the_end_does_not() -> None:
    assert Window(TEN, ELEVEN).holds("ts") == (
        "(ts >= timestamp '2018-11-15 10:00:00.000000' "
        "and ts < timestamp '2018-11-15 11:00:00.000000')"
    )


def test_the_hours_and_days_that_a_window_touches() -> None:
    window = Window(datetime(2018, 11, 15, 10, 30, tzinfo=UTC), datetime(2018, 11, 16, tzinfo=UTC))
    assert str(window.touched_hours) == "2018-11-15 10:00 to 2018-11-16 00:00 UTC"
    assert str(window.touched_days) == "2018-11-15 00:00 to 2018-11-16 00:00 UTC"
