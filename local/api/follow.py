"""A run of a DAG: triggered, followed to its end, and explained when it fails."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from local.api.rest import AirflowApi, Document
from local.terminal.errors import Trouble

PREFIX = "make_run__"
DONE = {"success", "skipped", "failed", "upstream_failed", "removed"}


class LoadFailed(Trouble):
    """A run of a DAG that failed; what it had published before is whole."""


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    done: int
    total: int
    running: tuple[str, ...]
    waiting: tuple[str, ...]
    """Sentences about tasks that failed and will be tried again."""

    def __str__(self) -> str:
        return ", ".join(self.running)


def end_left_over_runs(api: AirflowApi, dag: str) -> None:
    """Close what an interrupted ``make run`` left open: its tasks died with it."""
    for run in api.get(f"dags/{dag}/dagRuns?state=running&state=queued&limit=100")["dag_runs"]:
        if run["dag_run_id"].startswith(PREFIX):
            api.patch(_run_path(dag, run["dag_run_id"]), {"state": "failed"})


def trigger(api: AirflowApi, dag: str, conf: Document) -> str:
    """Start a run without a logical date, and return its id."""
    run_id = f"{PREFIX}{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"
    body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
    api.post(f"dags/{dag}/dagRuns", body)
    # Only now: the schedule's own run then queues behind this one.
    api.patch(f"dags/{dag}", {"is_paused": False})
    return run_id


def follow(
    api: AirflowApi,
    dag: str,
    run_id: str,
    logs: Path,
    show: Callable[[Progress], None],
) -> str:
    """Wait for the end of a run, and return its state."""
    while True:
        state = str(api.get(_run_path(dag, run_id))["state"])
        show(_progress(_tasks(api, dag, run_id), logs))
        if state in ("success", "failed"):
            return state
        time.sleep(0.4)


def explain_failure(api: AirflowApi, dag: str, run_id: str, logs: Path) -> LoadFailed:
    """The tasks that failed, with the last they said and where the rest is."""
    failed = [task for task in _tasks(api, dag, run_id) if task["state"] == "failed"]
    parts = [f"The load failed: {len(failed)} task(s) of the DAG {dag} did not succeed."]
    for task in failed:
        log = task_log(logs, task)
        parts.append(f"{task['task_id']} said:\n{_indented(last_errors(log))}\n  Its log: {log}")
    parts.append(
        "Mend what it names and run `make run` again: what was loaded stays, and a second load "
        "repeats nothing."
    )
    return LoadFailed("\n\n".join(parts))


def task_log(logs: Path, task: Document) -> Path:
    """Where Airflow files what the last try of a task said."""
    folder = logs / f"dag_id={task['dag_id']}" / f"run_id={task['dag_run_id']}"
    folder /= f"task_id={task['task_id']}"
    if task["map_index"] >= 0:
        folder /= f"map_index={task['map_index']}"
    return folder / f"attempt={task['try_number']}.log"


def last_errors(log: Path, count: int = 6) -> str:
    """The last error lines of a task's log."""
    if not log.exists():
        return "nothing: it was ended before it began."
    records = [_record(line) for line in log.read_text(errors="replace").splitlines()]
    told = [text for record in records if (text := _error_text(record))]
    return "\n".join(told[-count:]) or "no error."


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
    # The first of a chain of exceptions is the one that was raised last.
    named = [f"{cause['exc_type']}: {cause['exc_value']}" for cause in causes[:1]]
    return "\n".join(named or [str(record.get("event", ""))])


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
    return f"{task['task_id']} failed, try {task['try_number']}; it will be tried again. {reason}"


def _run_path(dag: str, run_id: str) -> str:
    return f"dags/{dag}/dagRuns/{quote(run_id, safe='')}"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
