"""The DAG's own operators, run in its own order by the test process: some 20 ms a task."""

import copy
import itertools
from collections.abc import Iterator
from typing import Any

from airflow.sdk import DAG, TriggerRule
from airflow.sdk.exceptions import AirflowSkipException

_numbers = itertools.count(1)


class Pipeline:
    """Runs of the DAG ``sparkify`` on the warehouse that the environment names."""

    def __init__(self, dag: DAG) -> None:
        self.dag = dag

    def run(self, start: str, end: str, *, run_id: str | None = None) -> set[str]:
        """One range run; the ids of the tasks it skipped."""
        return self.run_in(self.context(start, end, run_id=run_id))

    def run_in(self, context: dict[str, Any]) -> set[str]:
        """One run of whatever window its context tells; the ids of the tasks it skipped."""
        skipped: set[str] = set()
        for task_id in self.order():
            if self._is_skipped(task_id, skipped):
                skipped.add(task_id)
                continue
            try:
                self.run_task(task_id, context)
            except AirflowSkipException:
                skipped.add(task_id)
        return skipped

    def run_task(self, task_id: str, context: dict[str, Any]) -> Any:
        """One task, rendered and executed."""
        task = copy.copy(self.dag.get_task(task_id))
        task.render_template_fields(context)
        return task.execute(context)

    def context(
        self,
        start: str | None = None,
        end: str | None = None,
        run_id: str | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """What a run's tasks are told."""
        return {
            "run_id": run_id or f"test__{next(_numbers)}",
            "params": {"start": start, "end": end},
            "dag": self.dag,
            **more,
        }

    def order(self) -> Iterator[str]:
        """The task ids, each after all it depends on."""
        done: set[str] = set()
        while len(done) < len(self.dag.task_ids):
            ready = [
                task_id
                for task_id in self.dag.task_ids
                if task_id not in done and self.dag.get_task(task_id).upstream_task_ids <= done
            ]
            yield from ready
            done.update(ready)

    def _is_skipped(self, task_id: str, skipped: set[str]) -> bool:
        task = self.dag.get_task(task_id)
        return task.trigger_rule == TriggerRule.ALL_SUCCESS and bool(
            task.upstream_task_ids & skipped
        )
