"""The project's own operators as measured work; runs in a process of its own."""

import os
from collections.abc import Callable
from typing import Any

from airflow.dag_processing.dagbag import DagBag

from local.pipeline import Pipeline


def stage(run_id: str, task: str, start: str, end: str) -> Callable[[], Any]:
    """One staging task of a range run."""
    pipelines = _pipelines()
    _make_tables(pipelines["sparkify_schema"])
    pipeline = pipelines["sparkify"]
    context = pipeline.context(start, end, run_id=run_id)
    return lambda: pipeline.run_task(task, context)


def _pipelines() -> dict[str, Pipeline]:
    bag = DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    return {dag_id: Pipeline(dag) for dag_id, dag in bag.dags.items()}


def _make_tables(schema: Pipeline) -> None:
    context = schema.context(params={"recreate": True})
    for task in schema.order():
        schema.run_task(task, context)
