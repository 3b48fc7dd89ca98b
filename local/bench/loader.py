"""The project's own operators as measured work; runs in a process of its own."""

import importlib
import os
import time
from collections.abc import Callable
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

from local.deployment.scheduler import STAGING
from local.tools.pipeline import Pipeline
from sparkify.settings import setting

AT_ONCE = 4
"""Tasks under way, as under a scheduler: those that do not wait for each other run together."""


def stage(run_id: str, task: str, start: str, end: str) -> Callable[[], Any]:
    """One staging task of a range run."""
    pipeline = _pipelines()["sparkify"]
    context = pipeline.context(start, end, run_id=run_id)
    _import_what_lands()
    return lambda: pipeline.run_task(task, context)


def make_tables() -> Callable[[], Any]:
    """The warehouse's tables, empty."""
    pipelines = _pipelines()
    return lambda: _make_tables(pipelines["sparkify_schema"])


class TimedPipeline(Pipeline):
    """A pipeline that keeps how many seconds each of its tasks took."""

    def __init__(self, dag: DAG) -> None:
        super().__init__(dag)
        self.seconds: dict[str, float] = {}

    def run_task(self, task_id: str, context: dict[str, Any]) -> Any:
        """One task, timed."""
        began = time.perf_counter()
        outcome = super().run_task(task_id, context)
        self.seconds[task_id] = round(time.perf_counter() - began, 4)
        return outcome


def load(run_id: str, start: str, end: str) -> Callable[[], Any]:
    """A whole range run; the seconds of each task, some of which are other tasks' as well."""
    pipeline = _pipelines()["sparkify"]
    context = pipeline.context(start, end, run_id=run_id)
    _import_what_lands()

    def work() -> dict[str, dict[str, float]]:
        for _ in pipeline.run_tasks(context, AT_ONCE):
            pass
        return {"steps": pipeline.seconds}

    return work


def _import_what_lands() -> None:
    """Nobody's imports are timed: not the other loaders' either."""
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    importlib.import_module(STAGING)
    setting("source")  # the first one that is asked for imports what settings are kept in


def _pipelines() -> dict[str, TimedPipeline]:
    bag = DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    return {dag_id: TimedPipeline(dag) for dag_id, dag in bag.dags.items()}


def _make_tables(schema: Pipeline) -> None:
    context = schema.context(params={"recreate": True})
    for task in schema.order():
        schema.run_task(task, context)
