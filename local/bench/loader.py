"""The project's operators as measured work; runs in its own process."""

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

CONCURRENCY = 4
"""Independent tasks run concurrently, as under a scheduler."""


def stage(run_id: str, task: str, start: str, end: str) -> Callable[[], Any]:
    """Return a staging task of a range run."""
    pipeline = _pipelines()["sparkify"]
    context = pipeline.context(start, end, run_id=run_id)
    _import_modules()
    return lambda: pipeline.run_task(task, context)


def create_tables() -> Callable[[], list[str]]:
    """Return the creation of the warehouse's empty tables, which returns the tasks it skips."""
    schema = _pipelines()["sparkify_schema"]
    context = schema.context(params={"recreate": True})
    return lambda: sorted(schema.run_in(context))


class TimedPipeline(Pipeline):
    """A pipeline that records the duration of its tasks."""

    def __init__(self, dag: DAG) -> None:
        super().__init__(dag)
        self.seconds: dict[str, float] = {}

    def run_task(self, task_id: str, context: dict[str, Any]) -> Any:
        """Run and time a task."""
        began = time.perf_counter()
        outcome = super().run_task(task_id, context)
        self.seconds[task_id] = round(time.perf_counter() - began, 4)
        return outcome


def load(run_id: str, start: str, end: str) -> Callable[[], Any]:
    """Return a whole range run; it reports seconds per task, which overlap."""
    pipeline = _pipelines()["sparkify"]
    context = pipeline.context(start, end, run_id=run_id)
    _import_modules()

    def work() -> dict[str, dict[str, float]]:
        for _ in pipeline.run_tasks(context, CONCURRENCY):
            pass
        return {"steps": pipeline.seconds}

    return work


def _import_modules() -> None:
    """Import in advance: imports are not timed, for other loaders neither."""
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    importlib.import_module(STAGING)
    setting("source")  # the first call imports Airflow's backends


def _pipelines() -> dict[str, TimedPipeline]:
    bag = DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    return {dag_id: TimedPipeline(dag) for dag_id, dag in bag.dags.items()}
