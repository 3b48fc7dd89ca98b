"""Makes the tables and loads all that the source holds, if `sparkify` has never run."""

import os
import sys
import time
from pathlib import Path

from local.api.follow import Progress, explain_failure, follow, trigger
from local.api.rest import AirflowApi, Document, Refused
from local.terminal.errors import Trouble
from sparkify.settings import setting
from sparkify.sources.partitions import events_span, no_events

SERVER = "http://airflow-apiserver:8080"
LOGS = Path("/opt/airflow/logs")
PATIENCE = 120.0


def main() -> int:
    """Load, or say that it is not the first time."""
    api = AirflowApi(SERVER, "admin", os.environ["ADMIN_PASSWORD"])
    try:
        if _runs(api, "sparkify"):
            print("sparkify has run before: nothing is loaded.")
            return 0
        _run(api, "sparkify_schema", {})
        span = events_span(setting("source"))
        if span is None:
            raise Trouble(no_events(setting("source")))
        start, end = (moment.isoformat() for moment in span)
        _run(api, "sparkify", {"start": start, "end": end})
    except Trouble as trouble:
        print(trouble)
        return 1
    print(f"Loaded {start} to {end}. The hourly schedule is on.")
    return 0


def _runs(api: AirflowApi, dag: str) -> int:
    """How many runs a DAG has had; it is waited for until it is parsed."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return int(api.get(f"dags/{dag}/dagRuns?limit=1")["total_entries"])
        except Refused as refusal:
            if refusal.status != 404 or time.monotonic() > deadline:
                raise
        time.sleep(1)


def _run(api: AirflowApi, dag: str, conf: Document) -> None:
    _runs(api, dag)
    told = -1

    def show(progress: Progress) -> None:
        nonlocal told
        if progress.done > told:
            told = progress.done
            print(f"{dag}: {progress.done} of {progress.total}; {progress}", flush=True)

    run_id = trigger(api, dag, conf)
    if follow(api, dag, run_id, LOGS, show) != "success":
        raise explain_failure(api, dag, run_id, LOGS)


if __name__ == "__main__":
    sys.exit(main())
