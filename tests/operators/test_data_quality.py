"""The operator that asks the warehouse whether it is right."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from local.redshift.server import RedshiftServer
from local.tools.pipeline import Pipeline
from sparkify.checks import Check
from sparkify.operators.data_quality import DataQualityOperator
from tests.support.warehouse import Warehouse

PASSES = "-- All is well.\nselect 1 as one where false"
FAILS = "-- Nothing is ever wrong.\n-- fix: Do not worry.\nselect generate_series(1, 7) as wrong"
WARNS = "-- Nobody is surprised.\n-- severity: warn\n-- scope: table\n"
WARNS += "select cast('boo' as varchar(8)) as noise"
VALUE = "-- It is small.\n-- returns: value\n-- limit: 0.5\n"


def run(checks: dict[str, str], **more: Any) -> None:
    operator = DataQualityOperator(task_id="check", checks=checks, **more)
    window = {"start": "2018-11-15T10:00:00Z", "end": "2018-11-15T11:00:00Z"}
    context: Any = {
        "run_id": "run",
        "params": window,
        "dag": SimpleNamespace(params=window),
        "dag_run": SimpleNamespace(run_type="manual"),
    }
    operator.execute(context)


def recorded(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows(
        "select check_name, severity, scope, value, limit_value, passed from quality_results "
        "order by 1"
    )


def test_every_result_is_recorded_passes_included(warehouse: Warehouse) -> None:
    with pytest.raises(AirflowFailException):
        run({"a": PASSES, "b": FAILS, "c": WARNS, "d": VALUE + "select 0.25 as value"})
    assert recorded(warehouse) == [
        ("a", "error", "window", 0, 0, True),
        ("b", "error", "window", 7, 0, False),
        ("c", "warn", "table", 1, 0, False),
        ("d", "error", "window", 0.25, 0.5, True),
    ]
    assert warehouse.rows(
        "select distinct run_id, task_id, window_start::text, window_end::text, seconds < 60 "
        "from quality_results"
    ) == [("run", "check", "2018-11-15 10:00:00", "2018-11-15 11:00:00", True)]


def test_it_fails_once_with_all_failures_and_what_to_do(warehouse: Warehouse) -> None:
    with pytest.raises(AirflowFailException) as failure:
        run({"first": FAILS, "second": FAILS, "third": PASSES})
    told = str(failure.value)
    assert told.startswith("2 of 3 checks failed.")
    assert "first: 7 rows violate it (Nothing is ever wrong.)" in told
    assert "second: 7 rows violate it" in told
    assert "wrong " not in told, "no row"
    assert "What to do: Do not worry." in told
    assert "third" not in told


def test_a_message_quotes_the_columns_that_the_check_names_and_no_other(
    warehouse: Warehouse,
) -> None:
    rows = "select n as place, 'Ada' as name from generate_series(1, 7) as n"
    value = VALUE + "select 0.75 as value, 'Ada' as name, 3 as of_four"
    checks = {"rows": f"-- All well.\n-- quotes: place\n{rows}"}
    checks["value"] = value.replace("-- limit", "-- quotes: of_four\n-- limit")
    with pytest.raises(AirflowFailException) as failure:
        run(checks)
    told = str(failure.value)
    assert "Ada" not in told
    assert [line for line in told.splitlines() if "place" in line] == [
        f"    place {place}" for place in range(1, 6)
    ]
    assert "\n    of_four 3" in told


def test_the_log_has_the_statement_that_shows_the_rows(
    warehouse: Warehouse, capfd: pytest.CaptureFixture[str]
) -> None:
    run({"a": PASSES, "c": WARNS})
    told = "".join(capfd.readouterr())
    assert "select cast('boo' as varchar(8)) as noise" in told
    assert "noise boo" not in told
    assert "select 1 as one" not in told


def test_a_warning_does_not_fail(warehouse: Warehouse) -> None:
    run({"c": WARNS})
    assert recorded(warehouse) == [("c", "warn", "table", 1, 0, False)]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("select null as value", "this could not be checked: it returned no value"),
        ("select 1 as value where false", "this could not be checked: it returned no value"),
        (
            "select generate_series(1, 2) as value",
            "this could not be checked: it returned no value",
        ),
        ("select 0.75 as value, 3 as of_four", "it is 0.75, above the limit of 0.5 (It is small.)"),
        ("select 'NaN'::float as value", "it is nan"),
    ],
)
def test_what_is_no_small_enough_figure_fails(warehouse: Warehouse, query: str, told: str) -> None:
    with pytest.raises(AirflowFailException) as failure:
        run({"a": VALUE + query, "b": PASSES})
    assert told in str(failure.value)
    assert [row[-1] for row in recorded(warehouse)] == [False, True], "the others are asked too"


def test_what_could_not_be_asked_is_asked_again_where_nothing_else_is_wrong(
    warehouse: Warehouse,
) -> None:
    unasked = VALUE + "select 1 / 0 as value"
    with pytest.raises(AirflowException) as failure:
        run({"a": unasked, "b": PASSES, "c": WARNS})
    assert not isinstance(failure.value, AirflowFailException), "Airflow would not retry."
    assert (
        "the query failed: The warehouse has ended a statement with error 22012: division by zero"
        in str(failure.value)
    )
    assert [row[-1] for row in recorded(warehouse)] == [False, True, False]
    with pytest.raises(AirflowFailException, match="2 of 3 checks failed"):
        run({"a": unasked, "b": FAILS, "c": PASSES})


def test_what_can_never_be_asked_is_not_asked_again(warehouse: Warehouse) -> None:
    with pytest.raises(AirflowFailException, match=r'"nowhere" does not exist.*sparkify_schema'):
        run({"a": VALUE + "select value from nowhere", "b": PASSES})
    assert [row[-1] for row in recorded(warehouse)] == [False, True]


def test_rows_up_to_the_limit_pass(warehouse: Warehouse) -> None:
    run({"b": FAILS.replace("-- fix", "-- limit: 7\n-- fix")})
    assert recorded(warehouse) == [("b", "error", "window", 7, 7, True)]


def test_a_warning_is_told_in_the_log(
    warehouse: Warehouse, capfd: pytest.CaptureFixture[str]
) -> None:
    run({"a": PASSES, "c": WARNS})
    told = "".join(capfd.readouterr())
    assert "c: 1 rows violate it (Nobody is surprised.)" in told


@pytest.mark.parametrize(("check", "users"), [(PASSES, [1, 2]), (WARNS, [1, 2]), (FAILS, [1])])
def test_what_is_recorded_in_any_case_is_recorded_though_a_check_fails(
    warehouse: Warehouse, check: str, users: list[int]
) -> None:
    named = "'Ada', 'L', 'F', 'free', timestamp '2018-11-01'"
    ada, bob = (f"insert into users values ({number}, {named})" for number in (1, 2))
    with nullcontext() if check != FAILS else pytest.raises(AirflowFailException):
        run({"check": check}, recorded=[ada], afterwards=[bob])
    assert warehouse.column("select user_id from users order by 1") == users


def test_checks_that_take_their_time_are_shared_by_two_connections(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_by = "-- The server knows who asks.\n-- returns: value\n-- limit: 99999999\n"
    asked_by += "select pg_backend_pid() + 0 * length(pg_sleep(0.3)::text) as asked_by"
    names = list("hgfedcba")
    run(dict.fromkeys(names, asked_by))
    by = "select check_name, value from quality_results"
    assert len({pid for _, pid in warehouse.rows(by)}) == 2
    # In the order of the checks, whoever asked which first.
    assert [name for name, _ in warehouse.rows(by)] == names
    warehouse.client.execute("delete from quality_results")
    monkeypatch.setattr("sparkify.checks.SLOW_CHECK", 60)
    run(dict.fromkeys(names, asked_by))
    assert len({pid for _, pid in warehouse.rows(by)}) == 1, "quick ones cost one connection"


@pytest.mark.parametrize("broken", [{}, {"f": "-- All is there.\nselect gone from nowhere"}])
def test_checks_that_redshift_is_asked_together_are_judged_alone(
    redshift_warehouse: Warehouse, redshift_server: RedshiftServer, broken: dict[str, str]
) -> None:
    before = len(redshift_server.statements)
    with pytest.raises(AirflowFailException) as failure:
        run(
            {
                "a": PASSES,
                "b": VALUE + "select 0.25 as value, cast('Ada' as varchar(8)) as name",
                "c": VALUE.replace("0.5", "5") + "select 7 as value",
                "d": WARNS,
                "e": VALUE + "select 1 as value where false",
                **broken,
            }
        )
    assert [
        (name, value, passed) for name, _, _, value, _, passed in recorded(redshift_warehouse)
    ] == [
        ("a", 0, True),
        ("b", 0.25, True),
        ("c", 7, False),
        ("d", 1, False),
        ("e", None, False),
        *((name, None, False) for name in broken),
    ]
    told = str(failure.value)
    assert "c: it is 7, above the limit of 5" in told
    assert "e: this could not be checked: it returned no value" in told
    assert not broken or "f: this could not be checked: the query failed" in told
    together = [sent for sent in redshift_server.statements[before:] if "union all" in sent.text]
    # The stand-in does not keep a statement that it refuses.
    assert len(together) == (0 if broken else 1)


def test_no_checks_at_all_is_an_error(warehouse: Warehouse) -> None:
    with pytest.raises(AirflowFailException, match="no checks"):
        run({})


def test_an_unknown_check_is_an_error(pipeline: Pipeline, warehouse: Warehouse) -> None:
    operator = DataQualityOperator(task_id="check", checks={"gone": "quality/gone.sql"})
    context: Any = pipeline.context("2018-11-15", "2018-11-16")
    with pytest.raises(jinja2.TemplateNotFound, match=r"quality/gone\.sql"):
        operator.render_template_fields(context, pipeline.dag.get_template_env())


def test_bad_data_is_not_asked_again(warehouse: Warehouse) -> None:
    """AirflowFailException is what tells Airflow not to retry."""
    with pytest.raises(AirflowFailException):
        run({"b": FAILS})


def test_the_head_of_a_check_tells_what_it_is() -> None:
    check = Check(
        "name",
        "-- What holds.\n-- severity: warn\n-- scope: table\n-- returns: value\n-- limit: 2.5\n"
        "-- fix: Do it:\n--     now.\nselect 1",
    )
    assert (check.description, check.severity, check.scope, check.limit, check.is_value) == (
        "What holds.",
        "warn",
        "table",
        2.5,
        True,
    )
    assert check.advice == "Do it: now."
    plain = Check("name", "-- What holds.\nselect 1")
    assert (plain.severity, plain.scope, plain.limit, plain.is_value) == (
        "error",
        "window",
        0,
        False,
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("select 1", "does not begin with a comment"),
        ("quality/gone.sql", "does not begin with a comment"),
        ("-- What holds.\n-- severity: eror\nselect 1", "'severity: eror'; it must be error or w"),
        ("-- What holds.\n-- scope: hour\nselect 1", "it must be window or table"),
        ("-- What holds.\n-- returns: nothing\nselect 1", "it must be rows or value"),
        ("-- What holds.\n-- limit: low\nselect 1", "'limit: low'; it must be a number"),
    ],
)
def test_what_is_no_check_is_refused_by_name(text: str, told: str) -> None:
    with pytest.raises(AirflowFailException, match="The check name .*" + told):
        Check("name", text)
