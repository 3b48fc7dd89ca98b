"""Runs of a DAG's operators in this process, in order, at some 20 ms per task."""

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
    Runs a DAG on the warehouse that the environment names.

    :param dag: the DAG, such as ``sparkify``
    :param params: params of its runs besides the range
    """

    def __init__(self, dag: DAG, **params: Any) -> None:
        self.dag = dag
        self.params = params
        self._templates = _caching_environment(dag)

    def run(self, start: str, end: str, *, run_id: str | None = None) -> set[str]:
        """Run a range and return the ids of the skipped tasks."""
        return self.run_in(self.context(start, end, run_id=run_id))

    def run_hours(self, hours: Sequence[datetime], concurrency: int) -> Iterator[int]:
        """Run the hours, some at a time; yield the number of finished runs after each."""
        with ThreadPoolExecutor(concurrency) as runs:
            try:
                started = [runs.submit(self.run_hour, hour) for hour in hours]
                for done, run in enumerate(as_completed(started), start=1):
                    run.result()
                    yield done
            finally:
                runs.shutdown(wait=False, cancel_futures=True)

    def run_hour(self, hour: datetime) -> None:
        """Run the hour that starts at a UTC time."""
        end = hour + timedelta(hours=1)
        try:
            self.run(hour.isoformat(), end.isoformat())
        except Exception as error:
            error.add_note(f"In the run of {hour:%Y-%m-%d %H:%M} to {end:%H:%M} UTC.")
            raise

    def run_in(self, context: dict[str, Any]) -> set[str]:
        """Run with a context and return the ids of the skipped tasks."""
        return set(self.dag.task_ids) - set(self.run_tasks(context))

    def run_tasks(self, context: dict[str, Any], concurrency: int = 1) -> Iterator[str]:
        """Run some tasks at a time; yield the id of each finished, not skipped, task."""
        skipped: set[str] = set()
        ready: list[str] = []
        running: dict[Future[None], str] = {}
        graph = self._graph()
        graph.prepare()
        with ThreadPoolExecutor(concurrency) as tasks:
            while graph.is_active():
                ready += graph.get_ready()
                # Submit no more than can start: after a failure, none must.
                while ready and len(running) < concurrency:
                    task_id = ready.pop(0)
                    started = tasks.submit(self._run_or_skip, task_id, context, skipped)
                    running[started] = task_id
                for ended in wait(running, return_when=FIRST_COMPLETED).done:
                    task_id = running.pop(ended)
                    try:
                        ended.result()
                    except AirflowSkipException:
                        skipped.add(task_id)
                    else:
                        yield task_id
                    graph.done(task_id)

    def _run_or_skip(self, task_id: str, context: dict[str, Any], skipped: set[str]) -> None:
        if self._is_skipped(task_id, skipped):
            raise AirflowSkipException(f"{task_id} depends on a skipped task.")
        self.run_task(task_id, context)

    def run_task(self, task_id: str, context: dict[str, Any]) -> Any:
        """Render and execute a task."""
        # A task in its own process starts with an empty cache.
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
        """Return the context of a run's tasks."""
        return {
            "run_id": run_id or f"test__{next(_numbers)}",
            "params": {"start": start, "end": end, **self.params},
            "dag": self.dag,
            "dag_run": SimpleNamespace(run_type="manual", logical_date=None),
            **more,
        }

    def order(self) -> Iterator[str]:
        """Return the task ids in topological order."""
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


_environments: dict[int, tuple[DAG, Environment]] = {}
"""By the id of the DAG, which is kept so that no other can have it: hashing one is slow."""


def _caching_environment(dag: DAG) -> Environment:
    """
    Return the DAG's environment, which compiles each template once.

    Airflow, with one task per process, has no use for that.
    """
    if id(dag) not in _environments:
        templates = dag.get_template_env()
        templates.cache = create_cache(-1)
        # A method of this one object is replaced, by one that answers the same.
        templates.from_string = cache(templates.from_string)  # type: ignore[method-assign, assignment]
        _environments[id(dag)] = dag, templates
    return _environments[id(dag)][1]
