"""The DAG's own operators, run in its own order by this process: some 20 ms a task."""

import copy
import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from datetime import datetime, timedelta
from functools import cache
from graphlib import TopologicalSorter
from types import SimpleNamespace
from typing import Any

from airflow.sdk import DAG, TriggerRule
from airflow.sdk.exceptions import AirflowSkipException
from jinja2 import Environment
from jinja2.environment import create_cache

from sparkify.settings import setting

_numbers = itertools.count(1)


class Pipeline:
    """
    Runs of a DAG on the warehouse that the environment names.

    :param dag: the DAG, such as ``sparkify``
    :param params: what its runs are told beside their range
    """

    def __init__(self, dag: DAG, **params: Any) -> None:
        self.dag = dag
        self.params = params
        self._templates = _caching(dag.get_template_env())

    def run(self, start: str, end: str, *, run_id: str | None = None) -> set[str]:
        """One range run; the ids of the tasks it skipped."""
        return self.run_in(self.context(start, end, run_id=run_id))

    def run_hours(self, hours: Sequence[datetime], at_once: int) -> Iterator[int]:
        """A range run for each hour, some at a time; the number of those done, after each."""
        with ThreadPoolExecutor(at_once) as runs:
            try:
                started = [runs.submit(self.run_hour, hour) for hour in hours]
                for done, run in enumerate(as_completed(started), start=1):
                    run.result()
                    yield done
            finally:
                runs.shutdown(wait=False, cancel_futures=True)

    def run_hour(self, hour: datetime) -> None:
        """One range run of the hour that begins at a moment, UTC."""
        end = hour + timedelta(hours=1)
        try:
            self.run(hour.isoformat(), end.isoformat())
        except Exception as error:
            error.add_note(f"This was the run of {hour:%Y-%m-%d %H:%M} to {end:%H:%M} UTC.")
            raise

    def run_in(self, context: dict[str, Any]) -> set[str]:
        """One run of whatever window its context tells; the ids of the tasks it skipped."""
        return set(self.dag.task_ids) - set(self.run_tasks(context))

    def run_tasks(self, context: dict[str, Any], at_once: int = 1) -> Iterator[str]:
        """One run, some tasks at a time; the id of each that was not skipped, once it is done."""
        skipped: set[str] = set()
        ready: list[str] = []
        under_way: dict[Future[None], str] = {}
        graph = self._graph()
        graph.prepare()
        with ThreadPoolExecutor(at_once) as tasks:
            while graph.is_active():
                ready += graph.get_ready()
                # No more than can begin: after a failure none of them does.
                while ready and len(under_way) < at_once:
                    task_id = ready.pop(0)
                    started = tasks.submit(self._run_or_skip, task_id, context, skipped)
                    under_way[started] = task_id
                for ended in wait(under_way, return_when=FIRST_COMPLETED).done:
                    task_id = under_way.pop(ended)
                    try:
                        ended.result()
                    except AirflowSkipException:
                        skipped.add(task_id)
                    else:
                        yield task_id
                    graph.done(task_id)

    def _run_or_skip(self, task_id: str, context: dict[str, Any], skipped: set[str]) -> None:
        if self._is_skipped(task_id, skipped):
            raise AirflowSkipException(f"{task_id} follows a task that was skipped.")
        self.run_task(task_id, context)

    def run_task(self, task_id: str, context: dict[str, Any]) -> Any:
        """One task, rendered and executed."""
        # As in a process of its own, which knows no setting yet.
        setting.cache_clear()
        task: Any = copy.copy(self.dag.get_task(task_id))
        task.render_template_fields(context, self._templates)
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
            "params": {"start": start, "end": end, **self.params},
            "dag": self.dag,
            "dag_run": SimpleNamespace(run_type="manual", logical_date=None),
            **more,
        }

    def order(self) -> Iterator[str]:
        """The task ids, each after all it depends on."""
        return iter(self._graph().static_order())

    def _graph(self) -> TopologicalSorter[str]:
        return TopologicalSorter(
            {task_id: self.dag.get_task(task_id).upstream_task_ids for task_id in self.dag.task_ids}
        )

    def _is_skipped(self, task_id: str, skipped: set[str]) -> bool:
        task = self.dag.get_task(task_id)
        return task.trigger_rule == TriggerRule.ALL_SUCCESS and bool(
            task.upstream_task_ids & skipped
        )


def _caching(templates: Environment) -> Environment:
    """Templates that are compiled once: Airflow's compile them anew, as a process has one task."""
    templates.cache = create_cache(-1)
    templates.from_string = cache(templates.from_string)  # type: ignore[method-assign, assignment]
    return templates
