"""One hourly run under a real Airflow, from trigger to done, beside tasks that do nothing."""

import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from local.api.rest import Document
from local.bench.backfill import start_with_floor
from local.bench.bench import Bench
from local.bench.floor_dag import FLOOR
from local.bench.measure import Comparison, Run, Way, comparison
from local.deployment.deployment import Deployment
from local.deployment.load import DAG
from local.deployment.trial import trial
from local.terminal.errors import Trouble

LONGEST = timedelta(minutes=3)
NOTHING = Way("as many tasks that do nothing", FLOOR)
OURS = Way("sparkify, an hour", DAG)


def run(bench: Bench) -> Iterator[Comparison]:
    """Hours in turn: one of tasks that do nothing, the same of ours."""
    source = os.environ.get("SPARKIFY_SOURCE")
    name = source.rstrip("/").rpartition("/")[2] if source else "the sample"
    title = f"One hourly run of {name}, all of Airflow included"
    with trial(bench.layout.root, bench.folder / "one-run", source) as deployment:
        deployment.postgres.start()
        first, _ = start_with_floor(deployment, bench.screen)
        runs: dict[Way, list[Run]] = {NOTHING: [], OURS: []}
        with bench.screen.step(title) as step:
            for turn in range(bench.times + 1):
                for way, its in runs.items():
                    step.show(way.name, turn, bench.times + 1)
                    hour = first + timedelta(hours=10 + turn)
                    its.append(Run(_seconds(deployment, way.call, hour), 0, 0, None))
        # The first turn is slow for what is read and compiled for the first time.
        yield comparison(title, {way: its[1:] for way, its in runs.items()})


def _seconds(deployment: Deployment, dag: str, hour: datetime) -> float:
    """From the trigger to the end of a run, as Airflow wrote both down."""
    body = {"logical_date": hour.isoformat(), "dag_run_id": f"bench__{hour:%Y-%m-%dT%H}"}
    path = f"dags/{dag}/dagRuns"
    asked = deployment.api.post(path, body)
    deadline = time.monotonic() + LONGEST.total_seconds()
    while (found := _told(deployment, f"{path}/{asked['dag_run_id']}"))["state"] != "success":
        if found["state"] == "failed" or time.monotonic() > deadline:
            raise Trouble(f"The run of {dag} for {hour:%Y-%m-%d %H:%M} came to {found['state']}.")
        time.sleep(0.2)
    return (_moment(found["end_date"]) - _moment(found["queued_at"])).total_seconds()


def _told(deployment: Deployment, path: str) -> Document:
    deployment.services.check()
    return deployment.api.get(path)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
