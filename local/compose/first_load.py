"""Create the tables and load the whole source, if `sparkify` has never run."""

import os
import sys
import time
from pathlib import Path

from local.api.follow import Progress, explain_failure, follow, trigger
from local.api.rest import AirflowApi, ApiError, Document
from local.terminal.errors import UserError
from sparkify.settings import setting
from sparkify.sources.partitions import events_span, no_events

SERVER = "http://airflow-apiserver:8080"
LOGS = Path("/opt/airflow/logs")
PATIENCE = 120.0


def main() -> int:
    """Load, unless there has been a run; return the exit status."""
    api = AirflowApi(SERVER, "admin", os.environ["ADMIN_PASSWORD"])
    try:
        if _runs(api, "sparkify"):
            print("sparkify has run before: nothing to load.")
            return 0
        _run(api, "sparkify_schema", {})
        span = events_span(setting("source"))
        if span is None:
            raise UserError(no_events(setting("source")))
        start, end = (moment.isoformat() for moment in span)
        _run(api, "sparkify", {"start": start, "end": end})
    except UserError as error:
        print(error)
        return 1
    print(f"Loaded {start} to {end}. The hourly schedule is on.")
    return 0


def _runs(api: AirflowApi, dag: str) -> int:
    """Return the number of runs of a DAG, waiting until it is parsed."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return int(api.get(f"dags/{dag}/dagRuns?limit=1")["total_entries"])
        except ApiError as error:
            if error.status != 404 or time.monotonic() > deadline:
                raise
        time.sleep(1)


def _run(api: AirflowApi, dag: str, conf: Document) -> None:
    _runs(api, dag)
    shown = -1

    def show(progress: Progress) -> None:
        nonlocal shown
        if progress.done > shown:
            shown = progress.done
            print(f"{dag}: {progress.done} of {progress.total}; {progress}", flush=True)

    run_id = trigger(api, dag, conf)
    if follow(api, dag, run_id, LOGS, show) != "success":
        raise explain_failure(api, dag, run_id, LOGS)


if __name__ == "__main__":
    sys.exit(main())
