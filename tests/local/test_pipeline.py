"""Runs of a DAG in process: each task after those it depends on, and others beside it."""

from threading import Barrier
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator, TriggerRule
from airflow.sdk.exceptions import AirflowSkipException

from local.tools.pipeline import Pipeline


class Meet(BaseOperator):
    """A task that ends only when another one is under way, too."""

    meeting: Barrier

    def execute(self, context: Any) -> None:
        self.meeting.wait()


class Skip(BaseOperator):
    def execute(self, context: Any) -> None:
        raise AirflowSkipException


class Fail(BaseOperator):
    def execute(self, context: Any) -> None:
        raise ValueError("broken")


class Pass(BaseOperator):
    def execute(self, context: Any) -> None:
        pass


def test_tasks_that_do_not_wait_for_each_other_run_together() -> None:
    Meet.meeting = Barrier(2, timeout=10)
    with DAG("together") as dag:
        first, one, other, last = Pass(task_id="first"), *map(met, ("one", "other")), met("last")
        first >> [one, other] >> Pass(task_id="between") >> [last, met("end")]
    done = list(Pipeline(dag).run_tasks({}, concurrency=2))
    assert done[0] == "first"
    assert set(done[1:3]) == {"one", "other"}
    assert done[3] == "between"
    assert set(done[4:]) == {"last", "end"}


def met(task_id: str) -> Meet:
    return Meet(task_id=task_id)


@pytest.mark.parametrize("at_once", [1, 4])
def test_what_follows_a_skipped_task_is_skipped_too(at_once: int) -> None:
    with DAG("skipped") as dag:
        anyway = Pass(task_id="anyway", trigger_rule=TriggerRule.NONE_FAILED)
        Skip(task_id="skipped") >> Pass(task_id="after") >> anyway
    assert list(Pipeline(dag).run_tasks({}, at_once)) == ["anyway"]


def test_after_a_failure_nothing_is_begun() -> None:
    begun = []

    class Begin(BaseOperator):
        def execute(self, context: Any) -> None:
            begun.append(self.task_id)

    with DAG("failing") as dag:
        Fail(task_id="failing") >> Begin(task_id="after")
        Begin(task_id="beside")
    with pytest.raises(ValueError, match="broken"):
        list(Pipeline(dag).run_tasks({}))
    assert begun == []
