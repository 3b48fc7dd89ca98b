"""An hourly run under a real Airflow, from trigger to end, compared with no-op tasks."""

import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from local.api.rest import Document
from local.bench.backfill import start_with_floor
from local.bench.bench import Bench
from local.bench.floor_dag import FLOOR
from local.bench.measure import Case, Comparison, Run, comparison
from local.deployment.deployment import Deployment
from local.deployment.load import DAG
from local.deployment.trial import trial
from local.terminal.errors import UserError

TIMEOUT = timedelta(minutes=3)
NO_OP = Case("the same number of no-op tasks", FLOOR)
OURS = Case("sparkify, an hour", DAG)


def run(bench: Bench) -> Iterator[Comparison]:
    """Run hours in turn, each with no-op tasks and with sparkify."""
    source = os.environ.get("SPARKIFY_SOURCE")
    name = source.rstrip("/").rpartition("/")[2] if source else "the sample"
    title = f"One hourly run of {name}, Airflow included"
    with trial(bench.layout.root, bench.folder / "one-run", source) as deployment:
        deployment.postgres.start()
        first, _ = start_with_floor(deployment, bench.screen)
        runs: dict[Case, list[Run]] = {NO_OP: [], OURS: []}
        with bench.screen.step(title) as step:
            for turn in range(bench.times + 1):
                for case, its in runs.items():
                    step.show(case.name, turn, bench.times + 1)
                    hour = first + timedelta(hours=10 + turn)
                    its.append(Run(_seconds(deployment, case.call, hour), 0, 0, None))
        # The first repetition is a warm-up.
        yield comparison(title, {case: its[1:] for case, its in runs.items()})


def _seconds(deployment: Deployment, dag: str, hour: datetime) -> float:
    """Return the time from the trigger to the end of a run, as recorded by Airflow."""
    body = {"logical_date": hour.isoformat(), "dag_run_id": f"bench__{hour:%Y-%m-%dT%H}"}
    path = f"dags/{dag}/dagRuns"
    created = deployment.api.post(path, body)
    deadline = time.monotonic() + TIMEOUT.total_seconds()
    while (found := _get(deployment, f"{path}/{created['dag_run_id']}"))["state"] != "success":
        if found["state"] == "failed" or time.monotonic() > deadline:
            raise UserError(f"The run of {dag} for {hour:%Y-%m-%d %H:%M} is {found['state']}.")
        time.sleep(0.2)
    return (_moment(found["end_date"]) - _moment(found["queued_at"])).total_seconds()


def _get(deployment: Deployment, path: str) -> Document:
    deployment.services.check()
    return deployment.api.get(path)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
