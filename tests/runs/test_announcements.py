"""Of warnings, checks that hold again and failed hours that are loaded, people are told once."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG

from sparkify.runs import alerts
from sparkify.window import naive
from tests.support.dags import parsed_dags
from tests.support.sources import TestSource, play
from tests.support.warehouse import Warehouse

TEN = datetime(2018, 11, 15, 10)
HOUR = timedelta(hours=1)


class Runs:
    """Runs whose checks have the results that a test wants."""

    def __init__(self, dag: DAG, warehouse: Warehouse) -> None:
        self.dag = dag
        self.warehouse = warehouse
        self.clock = naive(datetime.now(UTC)) - timedelta(hours=12)

    def now(self) -> datetime:
        self.clock += timedelta(seconds=1)
        return self.clock

    def context(self, run_id: str, start: datetime, hours: int = 1, **run: Any) -> Any:
        is_range = hours > 1
        bounds = [f"{moment.isoformat()}Z" for moment in (start, start + hours * HOUR)]
        at = start.replace(tzinfo=UTC)
        hour = {"logical_date": None if is_range else at}
        hour |= {"data_interval_start": at, "data_interval_end": at + HOUR}
        return {
            "run_id": run_id,
            "params": dict(zip(("start", "end"), bounds if is_range else [None] * 2, strict=True)),
            "dag": self.dag,
            "dag_run": SimpleNamespace(**{"run_type": "manual"} | hour | run),
            "task_instance": SimpleNamespace(
                dag_id="sparkify", task_id="check_quality", log_url="http://here/log"
            ),
            "ti": SimpleNamespace(xcom_pull=lambda task_ids: [None, self.texts(run_id)]),
            "exception": ValueError("It is wrong."),
        }

    def texts(self, run_id: str) -> dict[str, str]:
        failed = f"select check_name from quality_results where run_id = '{run_id}' and not passed"
        return {name: f"{name}: 3 rows" for name in self.warehouse.column(failed)}

    def task(self, name: str, context: Any) -> Any:
        task: Any = copy.copy(self.dag.get_task(name))
        task.render_template_fields(context, self.dag.get_template_env())
        return task

    def begin(self, context: Any) -> None:
        """What the run's first task does to the bookkeeping."""
        task = self.task("stage_events", context)
        for statement in task.beforehand:
            self.warehouse.client.execute(statement)
        self.warehouse.client.execute(
            "update load_runs set began_at = %s where run_id = %s", (self.now(), context["run_id"])
        )

    def check(self, context: Any, **passed: bool) -> None:
        for name, its in passed.items():
            self.warehouse.client.execute(
                "insert into quality_results select %s, 'check_quality', window_start, window_end, "
                "%s, %s, 'window', 0, 0, %s, 0, %s from load_runs where run_id = %s",
                (
                    context["run_id"],
                    name,
                    "error" if name.startswith("error") else "warn",
                    its,
                    self.now(),
                    context["run_id"],
                ),
            )

    def fail(self, context: Any) -> None:
        alerts.failed(context)
        self.warehouse.client.execute(
            "update load_runs set failed_at = %s where run_id = %s", (self.now(), context["run_id"])
        )

    def end(self, context: Any) -> None:
        task = self.task("drop_staging", context)
        task.post_execute(context, task.execute(context))
        self.warehouse.client.execute(
            "update load_runs set ended_at = %s where run_id = %s", (self.now(), context["run_id"])
        )
        self.warehouse.client.execute(
            "update hour_loads set loaded_by = %(run)s, loaded_at = %(now)s "
            "where asked_by = %(run)s",
            {"run": context["run_id"], "now": self.now()},
        )

    def run(self, run_id: str, start: datetime, hours: int = 1, **passed: Any) -> None:
        run_type = passed.pop("run_type", "scheduled")
        context = self.context(run_id, start, hours, run_type=run_type)
        self.begin(context)
        self.check(context, **passed)
        self.end(context)


@pytest.fixture
def runs(dags: dict[str, DAG], source: TestSource, warehouse: Warehouse) -> Runs:
    return Runs(dags["sparkify"], warehouse)


@pytest.fixture
def told(slack: list[Any]) -> Callable[[], list[str]]:
    """The subjects of the messages since it was asked last."""

    def ask() -> list[str]:
        subjects = [message["text"].split("*")[1].removeprefix("Sparkify: ") for message in slack]
        slack.clear()
        return subjects

    return ask


def test_a_warning_is_told_once_and_that_it_holds_again(
    runs: Runs, told: Callable[[], list[str]]
) -> None:
    for hour, passed in enumerate([True, False, False, False, True, True]):
        runs.run(f"hour {hour}", TEN + hour * HOUR, busy=passed, other=True)
        assert told() == {1: ["busy warns"], 4: ["busy passes again"]}.get(hour, [])


def test_one_message_has_all_that_a_run_has_to_say(runs: Runs, slack: list[Any]) -> None:
    runs.run("one", TEN, a=True, b=True, c=False)
    slack.clear()
    runs.run("two", TEN + HOUR, a=False, b=False, c=True)
    [message] = slack
    assert message["text"] == (
        "*Sparkify: a warns, and 1 more*\n```two has loaded 2018-11-15 11:00 to 2018-11-15 12:00 "
        "UTC.\na: 3 rows\nb: 3 rows\nc: passes again\ndocs/runbook.md explains each check. "
        "The log: http://here/log```"
    )


def test_a_warning_of_a_run_that_fails_is_told_by_the_next_run(
    runs: Runs, told: Callable[[], list[str]]
) -> None:
    context = runs.context("ten", TEN)
    runs.begin(context)
    runs.check(context, busy=False, error_known=False)
    runs.fail(context)
    assert told() == ["check_quality failed"]
    runs.run("eleven", TEN + HOUR, busy=False, error_known=True)
    assert told() == ["busy warns"]


@pytest.mark.parametrize("is_cleared", [True, False])
def test_a_failed_check_holds_again_and_its_hour_is_loaded(
    runs: Runs, slack: list[Any], is_cleared: bool
) -> None:
    context = runs.context("ten", TEN)
    runs.begin(context)
    runs.check(context, audited=True, error_known=False)
    runs.fail(context)
    slack.clear()
    if is_cleared:
        runs.begin(context)
    runs.check(context, error_known=True)
    runs.end(context)
    [message] = slack
    assert "error_known: passes again\n" in message["text"]
    assert (
        "Loaded after a failure: 2018-11-15 10:00 to 2018-11-15 11:00 UTC. Hours still failed: "
        "0." in message["text"]
    )
    slack.clear()
    runs.run("ten", TEN, error_known=True)
    assert not slack, "It had not failed since."


def test_an_hour_that_another_run_loads_is_told_once(
    runs: Runs, told: Callable[[], list[str]]
) -> None:
    for number in range(2):
        context = runs.context(f"hour {number}", TEN + number * HOUR)
        runs.begin(context)
        runs.fail(context)
    assert told() == ["check_quality failed"] * 2
    runs.run("range", TEN - HOUR, 5)
    assert told() == ["hours that had failed are loaded"]
    runs.run("again", TEN - HOUR, 5)
    assert told() == []


def test_a_warning_that_a_cleared_run_repairs_holds_again(
    runs: Runs, told: Callable[[], list[str]]
) -> None:
    runs.run("before", TEN - HOUR, busy=True)
    runs.run("ten", TEN, busy=False)
    runs.run("eleven", TEN + HOUR, busy=False)
    assert told() == ["busy warns"]
    runs.run("ten", TEN, busy=False)
    assert told() == []
    runs.run("ten", TEN, busy=True)
    assert told() == ["busy passes again"]


def test_runs_side_by_side_tell_it_once(runs: Runs, told: Callable[[], list[str]]) -> None:
    contexts = [
        runs.context(f"hour {number}", TEN + number * HOUR, run_type="backfill")
        for number in range(4)
    ]
    for context in contexts:
        runs.begin(context)
        runs.check(context, busy=False)
    for context in reversed(contexts):
        runs.end(context)
    assert told() == ["busy warns"]


def test_a_backfill_tells_each_warning_once_whatever_its_hours_say(
    runs: Runs, told: Callable[[], list[str]]
) -> None:
    for hour in range(24):
        passed = {"busy": bool(hour % 2), "mojibake": hour < 20, "error": True}
        runs.run(f"hour {hour}", TEN + hour * HOUR, run_type="backfill", **passed)
    assert told() == ["busy warns", "mojibake warns"]
    runs.run("newest", TEN + 24 * HOUR, busy=True, mojibake=False)
    assert told() == []
    runs.run("next", TEN + 25 * HOUR, busy=True, mojibake=True)
    assert told() == ["mojibake passes again"]


def test_a_backfill_of_failed_hours_says_so_at_its_end(
    runs: Runs, told: Callable[[], list[str]]
) -> None:
    contexts = [
        runs.context(f"hour {number}", TEN + number * HOUR, run_type="backfill")
        for number in range(5)
    ]
    for context in contexts:
        runs.begin(context)
        runs.fail(context)
    assert len(told()) == 5
    for context in contexts[:3]:
        runs.begin(context)
    for context in contexts[:2]:
        runs.end(context)
    for context in contexts[3:]:
        runs.begin(context)
    for context in contexts[2:]:
        assert told() == []
        runs.end(context)
    assert told() == ["hours that had failed are loaded"]


@pytest.mark.usefixtures("airflow")
def test_a_missing_file_is_told_with_its_name_and_what_to_do(
    source: TestSource, warehouse: Warehouse, slack: list[Any]
) -> None:
    source.events(play("2018-11-14 10:00:00"))
    run = parsed_dags()["sparkify"].test(logical_date=datetime(2018, 11, 15, 10, tzinfo=UTC))
    assert str(run.state) == "success"
    [message] = slack
    assert message["text"].startswith("*Sparkify: files_missing warns*\n")
    assert "files_missing: 1 rows violate it (Every file that the run" in message["text"]
    assert "source_file log_data/2018/11/2018-11-15-events.json" in message["text"]
    assert "What to do: Nothing was lost." in message["text"]
