"""Preconditions of a backfill; each refusal says what to do."""

import shlex
import time
from collections.abc import Callable
from datetime import UTC, datetime
from difflib import get_close_matches

from sparkify.cli.deployment import Active, Deployment
from sparkify.cli.report import steering
from sparkify.cli.request import COMMAND, Refused, Request, bounds
from sparkify.cli.windows import Window, minute

# Airflow checks every 30 s whether all runs of a backfill have ended, and only then closes it.
CLOSING_LIMIT = 60.0


def known_dag(deployment: Deployment, dag_id: str) -> None:
    """Check that the DAG exists and has a schedule."""
    dag = deployment.dag(dag_id)
    if dag is None:
        ids = deployment.dag_ids()
        close = get_close_matches(dag_id, ids, n=1)
        hint = f" Did you mean {close[0]}?" if close else f" There are: {', '.join(sorted(ids))}."
        raise Refused(
            f"There is no DAG {dag_id!r}.{hint if ids else ''} A new file is parsed within "
            "minutes; if not, `airflow dags list-import-errors` says why."
        )
    if not dag.is_periodic:
        raise Refused(
            f"The DAG {dag_id} has no schedule of its own, so there are no runs for a range of "
            f"time. Run it once instead: airflow dags trigger {dag_id}"
        )


def ended_windows(deployment: Deployment, request: Request) -> tuple[list[Window], bool]:
    """Return the windows of the range that have ended, and whether there are later ones."""
    now = datetime.now(UTC)
    if request.start.moment >= now:
        raise Refused(
            f"The range is in the future: it starts at {minute(request.start.moment)} UTC, and it "
            f"is {minute(now)} UTC now. A backfill runs only intervals that have ended; the "
            "schedule runs the rest."
        )
    found = deployment.windows(request.dag_id, request.start.moment, request.end.moment)
    ended, is_cut = [], False
    for window in found:
        # Like Airflow; the rest is not listed, as the range may extend far into the future.
        if is_cut := window.end >= now:
            break
        ended.append(window)
    if not ended:
        raise Refused(_no_window(request, is_cut))
    return ended, is_cut


def _no_window(request: Request, is_cut: bool) -> str:
    if is_cut:
        return (
            f"No interval from {minute(request.start.moment)} UTC on has ended yet; the schedule "
            "runs it once it has. Start the range earlier."
        )
    return (
        f"The range is empty: no run of {request.dag_id} has a logical date from "
        f"{minute(request.start.moment)} to {minute(request.end.moment)} UTC. Extend the range to "
        "the start of an interval of its schedule (a DAG scheduled by partitions has none: use "
        "`airflow backfill create` for it)."
    )


def able_to_run(deployment: Deployment, dag_id: str) -> None:
    """Check that the scheduler is running and the DAG is not paused."""
    dag = deployment.dag(dag_id)
    if dag and dag.is_paused:
        raise Refused(
            f"The DAG {dag_id} is paused, and Airflow does not run paused DAGs. Unpause it and try "
            f"again: {deployment.unpause(dag_id)}"
        )
    if not deployment.is_scheduler_alive():
        raise Refused(
            "No scheduler is running (there is no recent heartbeat), and a backfill needs one. "
            "Start it and try again: `airflow scheduler`, or on a laptop `make run`."
        )


def no_other_backfill(deployment: Deployment, request: Request, say: Callable[[str], None]) -> None:
    """Check that the DAG has no active backfill; wait for Airflow to close an ended one."""
    dag_id = request.dag_id
    deadline = time.monotonic() + CLOSING_LIMIT
    is_announced = False
    while active := deployment.active_backfill(dag_id):
        if active.has_open_runs or time.monotonic() > deadline:
            raise Refused(
                f"Backfill {active.backfill_id} of {dag_id} is active (logical dates "
                f"{minute(active.first)} to {minute(active.last)} UTC), and a DAG can have only "
                "one at a time. Wait until it ends or cancel it, and try again.\n"
                + steering(
                    deployment.web_address, dag_id, active.backfill_id, _following(request, active)
                )
            )
        if not is_announced:
            say(f"Waiting for Airflow to close backfill {active.backfill_id}, which has ended ...")
            is_announced = True
        time.sleep(1)


def _following(request: Request, active: Active) -> str:
    words = [*COMMAND, *bounds(active.first, active.last), *request.place, request.dag_id]
    return shlex.join(words)


def obstacle(deployment: Deployment, dag_id: str) -> str:
    """Say why an active backfill is stuck and what to do; return nothing if it is not."""
    dag = deployment.dag(dag_id)
    if dag is None:
        return f"the DAG {dag_id} has gone; `airflow dags list-import-errors` may say why."
    if dag.is_paused:
        return f"the DAG {dag_id} is paused. Unpause it: {deployment.unpause(dag_id)}"
    if deployment.is_backfill_paused(dag_id):
        return f"the backfill is paused. Unpause it on {deployment.web_address(f'/dags/{dag_id}')}"
    if not deployment.is_scheduler_alive():
        return "no scheduler is running. Start it to continue the backfill: airflow scheduler"
    return ""
