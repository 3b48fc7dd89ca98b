"""Trigger a DAG run, follow it to its end, and explain a failure."""

import json
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from local.api.rest import AirflowApi, Document
from local.terminal.errors import UserError

PREFIX = "make_run__"
DONE = {"success", "skipped", "failed", "upstream_failed", "removed"}
PAUSE = 0.5
"""Seconds between two looks at a run. Each costs the API server some of what the tasks need."""


class LoadError(UserError):
    """A DAG run failed; what it published before is consistent."""


@dataclass(frozen=True)
class Progress:
    """Progress of a run."""

    done: int
    total: int
    running: tuple[str, ...]
    waiting: tuple[str, ...]
    """Messages about tasks that failed and will be retried."""

    def __str__(self) -> str:
        return ", ".join(self.running)


def fail_abandoned_runs(api: AirflowApi, dag: str) -> None:
    """Fail the runs of an interrupted ``make run``: their tasks died with it."""
    for run in api.get(f"dags/{dag}/dagRuns?state=running&state=queued&limit=100")["dag_runs"]:
        if run["dag_run_id"].startswith(PREFIX):
            api.patch(_run_path(dag, run["dag_run_id"]), {"state": "failed"})


def trigger(api: AirflowApi, dag: str, conf: Document) -> str:
    """Start a run without a logical date and return its id."""
    run_id = f"{PREFIX}{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"
    body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
    api.post(f"dags/{dag}/dagRuns", body)
    # Unpause last, so that the scheduled run queues behind this one.
    api.patch(f"dags/{dag}", {"is_paused": False})
    return run_id


def follow(
    api: AirflowApi,
    dag: str,
    run_id: str,
    logs: Path,
    show: Callable[[Progress], None],
) -> str:
    """Wait for a run to finish and return its state."""
    while True:
        progress = _progress(_tasks(api, dag, run_id), logs)
        show(progress)
        # While a task is running, so is the run.
        if not progress.running:
            state = str(api.get(_run_path(dag, run_id))["state"])
            if state in ("success", "failed"):
                show(_progress(_tasks(api, dag, run_id), logs))
                return state
        time.sleep(PAUSE)


def explain_failure(api: AirflowApi, dag: str, run_id: str, logs: Path) -> LoadError:
    """Describe the tasks that failed: their last errors and their logs."""
    failed = [task for task in _tasks(api, dag, run_id) if task["state"] == "failed"]
    parts = [f"The load failed: {len(failed)} task(s) of the DAG {dag} did not succeed."]
    for task in failed:
        log = task_log(logs, task)
        errors = textwrap.indent(last_errors(log), "  ")
        parts.append(f"{task['task_id']} failed with:\n{errors}\n  Its log: {log}")
    parts.append(
        "Fix the cause and run `make run` again: what was loaded stays, and loading it again "
        "duplicates nothing."
    )
    return LoadError("\n\n".join(parts))


def task_log(logs: Path, task: Document) -> Path:
    """Return the log file of the last try of a task."""
    folder = logs / f"dag_id={task['dag_id']}" / f"run_id={task['dag_run_id']}"
    folder /= f"task_id={task['task_id']}"
    if task["map_index"] >= 0:
        folder /= f"map_index={task['map_index']}"
    return folder / f"attempt={task['try_number']}.log"


def last_errors(log: Path, count: int = 6) -> str:
    """Return the last error messages of a task's log, without repetitions."""
    if not log.exists():
        return "no log: it was stopped before it started."
    records = [_record(line) for line in log.read_text(errors="replace").splitlines()]
    errors = [text for record in records if (text := _error_text(record))]
    distinct = [text for text, _ in groupby(errors)]
    return "\n".join(distinct[-count:]) or "no error message."


def _record(line: str) -> Document:
    try:
        record: Document = json.loads(line)
    except ValueError:
        return {"event": line}
    return record


def _error_text(record: Document) -> str:
    if record.get("level") not in ("error", "critical"):
        return ""
    causes = record.get("error_detail") or []
    # A chain of exceptions starts with the one raised last.
    raised = [f"{cause['exc_type']}: {cause['exc_value']}" for cause in causes[:1]]
    return "\n".join(raised or [str(record.get("event", ""))])


def _tasks(api: AirflowApi, dag: str, run_id: str) -> list[Document]:
    answer = api.get(f"{_run_path(dag, run_id)}/taskInstances?limit=100")
    tasks: list[Document] = answer["task_instances"]
    return tasks


def _progress(tasks: list[Document], logs: Path) -> Progress:
    return Progress(
        done=sum(task["state"] in DONE for task in tasks),
        total=len(tasks),
        running=tuple(sorted(task["task_id"] for task in tasks if task["state"] == "running")),
        waiting=tuple(_retry(task, logs) for task in tasks if task["state"] == "up_for_retry"),
    )


def _retry(task: Document, logs: Path) -> str:
    reason = last_errors(task_log(logs, task), count=1)
    return f"{task['task_id']} failed, try {task['try_number']}; it will be retried. {reason}"


def _run_path(dag: str, run_id: str) -> str:
    return f"dags/{dag}/dagRuns/{quote(run_id, safe='')}"
