"""The project's own operators as measured work; runs in a process of its own."""

import importlib
import os
import time
from collections.abc import Callable
from typing import Any

from airflow.dag_processing.dagbag import DagBag

from local.pipeline import Pipeline


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


def load(run_id: str, start: str, end: str) -> Callable[[], Any]:
    """A whole range run; the seconds of each task."""
    pipeline = _pipelines()["sparkify"]
    context = pipeline.context(start, end, run_id=run_id)
    _import_what_lands()

    def work() -> dict[str, dict[str, float]]:
        seconds: dict[str, float] = {}
        began = time.perf_counter()
        for task in pipeline.run_tasks(context):
            ended = time.perf_counter()
            seconds[task], began = round(ended - began, 4), ended
        return {"steps": seconds}

    return work


def _import_what_lands() -> None:
    """Nobody's imports are timed: not the other loaders' either."""
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    importlib.import_module("sparkify.landing")


def _pipelines() -> dict[str, Pipeline]:
    bag = DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    return {dag_id: Pipeline(dag) for dag_id, dag in bag.dags.items()}


def _make_tables(schema: Pipeline) -> None:
    context = schema.context(params={"recreate": True})
    for task in schema.order():
        schema.run_task(task, context)
