"""The project's operators as measured work; runs in its own process."""

import importlib
import os
import time
from bisect import bisect
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import psycopg
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


def load_growing(
    day: str, file: str, growing: str, warehouse: str, starts_over: bool
) -> Callable[[], Any]:
    """
    Return the hourly runs of a day, each when the app has written its hour and two minutes more.

    They report the seconds of their staging and of all their tasks.

    :param file: the day's file
    :param growing: where it grows
    :param starts_over: whether to have each run forget where the last reading has ended
    """
    pipeline = _pipelines()["sparkify"]
    _import_modules()
    start = datetime.fromisoformat(day)
    hours = [start + timedelta(hours=hour) for hour in range(24)]
    sizes = _written(Path(file), [hour + timedelta(hours=1, minutes=2) for hour in hours])
    path = Path(growing)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")

    def work() -> dict[str, dict[str, float]]:
        steps: dict[str, float] = {}
        with Path(file).open("rb") as written:
            for hour, size in zip(hours, sizes, strict=True):
                with path.open("ab") as end:
                    end.write(written.read(size))
                if starts_over:
                    with psycopg.connect(warehouse, autocommit=True) as client:
                        client.execute("delete from file_ends")
                began = time.perf_counter()
                window = (hour.isoformat(), (hour + timedelta(hours=1)).isoformat())
                for _ in pipeline.run_tasks(pipeline.context(*window), CONCURRENCY):
                    pass
                steps[f"{hour:%H:%M}, all"] = round(time.perf_counter() - began, 2)
                steps[f"{hour:%H:%M}, staging"] = pipeline.seconds["stage_events"]
        return {"steps": steps}

    return work


def _written(file: Path, moments: Sequence[datetime]) -> list[int]:
    """Return how many bytes of a file, in order of time, were written until each moment."""
    limits = [moment.replace(tzinfo=UTC).timestamp() * 1000 for moment in moments]
    sizes = [0] * len(limits)
    with file.open("rb") as lines:
        for line in lines:
            # The last run finds all that is left.
            piece = bisect(limits, orjson.loads(line)["ts"])
            sizes[min(piece, len(sizes) - 1)] += len(line)
    return sizes


def _import_modules() -> None:
    """Import in advance: imports are not timed, for other loaders neither."""
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    importlib.import_module(STAGING)
    setting("source")  # the first call imports Airflow's backends


def _pipelines() -> dict[str, TimedPipeline]:
    bag = DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    return {dag_id: TimedPipeline(dag) for dag_id, dag in bag.dags.items()}
