"""The operator that asks the warehouse whether it is right."""

import logging
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from sparkify.operators.data_quality import Check, DataQualityOperator
from tests.warehouse import Warehouse

PASSES = "-- All is well.\nselect 1 as one where false"
FAILS = "-- Nothing is ever wrong.\n-- mend: Do not worry.\nselect generate_series(1, 7) as wrong"
WARNS = "-- Nobody is surprised.\n-- severity: warn\nselect 'boo' as noise"


def run(checks: dict[str, str]) -> None:
    operator = DataQualityOperator(task_id="check", checks=checks)
    operator.execute({"run_id": "run"})  # type: ignore[typeddict-item]


def recorded(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows(
        "select check_name, severity, breaking_rows, passed from quality_results order by 1"
    )


def test_every_result_is_recorded_passes_included(warehouse: Warehouse) -> None:
    with pytest.raises(AirflowFailException):
        run({"a": PASSES, "b": FAILS, "c": WARNS})
    assert recorded(warehouse) == [
        ("a", "error", 0, True),
        ("b", "error", 7, False),
        ("c", "warn", 1, False),
    ]


def test_it_fails_once_with_all_failures_examples_and_what_to_do(warehouse: Warehouse) -> None:
    with pytest.raises(AirflowFailException) as failure:
        run({"first": FAILS, "second": FAILS, "third": PASSES})
    told = str(failure.value)
    assert told.startswith("2 of 3 checks failed.")
    assert "first: 7 rows break it (Nothing is ever wrong.)" in told
    assert "second: 7 rows break it" in told
    assert told.count("wrong ") == 2 * 5, "five examples of each"
    assert "What to do: Do not worry." in told
    assert "third" not in told


def test_a_warning_does_not_fail(warehouse: Warehouse, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        run({"c": WARNS})
    assert recorded(warehouse) == [("c", "warn", 1, False)]


def test_no_checks_at_all_is_an_error(warehouse: Warehouse) -> None:
    with pytest.raises(AirflowFailException, match="has no checks"):
        run({})


def test_bad_data_is_not_asked_again(warehouse: Warehouse) -> None:
    """AirflowFailException is what tells Airflow not to retry."""
    with pytest.raises(AirflowFailException):
        run({"b": FAILS})


def test_the_head_of_a_check_tells_what_it_is() -> None:
    check = Check("name", "-- What holds.\n-- severity: warn\n-- mend: Do it: now.\nselect 1")
    assert (check.description, check.severity, check.advice) == (
        "What holds.",
        "warn",
        "Do it: now.",
    )
    assert Check("name", "-- What holds.\nselect 1").severity == "error"
