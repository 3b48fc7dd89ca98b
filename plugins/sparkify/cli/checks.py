"""What must hold before a backfill is created; each refusal says what to do."""

import shlex
import time
from collections.abc import Callable
from datetime import UTC, datetime
from difflib import get_close_matches

from sparkify.cli.metadata import Active, Metadata, web_address
from sparkify.cli.report import steering
from sparkify.cli.request import Refused, Request, bounds
from sparkify.cli.windows import Window, minute

# Airflow looks every 30 s whether the last run of a backfill has ended, and only then closes it.
CLOSING_LIMIT = 60.0


def known_dag(metadata: Metadata, dag_id: str) -> None:
    """The DAG, which must exist and have a schedule."""
    dag = metadata.dag(dag_id)
    if dag is None:
        ids = metadata.dag_ids()
        near = get_close_matches(dag_id, ids, n=1)
        hint = f" Did you mean {near[0]}?" if near else f" There are: {', '.join(sorted(ids))}."
        raise Refused(
            f"There is no DAG {dag_id!r}.{hint if ids else ''} A new file is read within minutes; "
            "where it is not, `airflow dags list-import-errors` says why."
        )
    if not dag.is_periodic:
        raise Refused(
            f"The DAG {dag_id} has no schedule of its own, so a range of time has no runs to "
            f"create. Run it once instead: airflow dags trigger {dag_id}"
        )


def ended_windows(metadata: Metadata, request: Request) -> tuple[list[Window], bool]:
    """The windows of the range that have ended, and whether others have not; at least one has."""
    now = datetime.now(UTC)
    if request.start.moment >= now:
        raise Refused(
            f"The range is in the future: it starts at {minute(request.start.moment)} UTC, and now "
            f"it is {minute(now)} UTC. A backfill runs what has ended; the schedule does the rest."
        )
    found = metadata.windows(request.dag_id, request.start.moment, request.end.moment)
    ended, is_cut = [], False
    for window in found:
        # As Airflow does it; the range may reach far into the future, so the rest is not listed.
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
            "runs it when it has. Start the range earlier."
        )
    return (
        f"The range is empty: no run of {request.dag_id} has a logical date from "
        f"{minute(request.start.moment)} to {minute(request.end.moment)} UTC. Widen the range to "
        "the beginning of an interval of its schedule (a DAG scheduled by partitions has none: "
        "use `airflow backfill create` for it)."
    )


def able_to_run(metadata: Metadata, dag_id: str) -> None:
    """The scheduler does the work, and nothing of a paused DAG."""
    dag = metadata.dag(dag_id)
    if dag and dag.is_paused:
        raise Refused(
            f"The DAG {dag_id} is paused, and Airflow runs nothing of a paused DAG. Unpause it and "
            f"call this again: airflow dags unpause {dag_id}"
        )
    if not metadata.is_scheduler_alive():
        raise Refused(
            "No scheduler is running (there is no recent heartbeat), and it is what runs a "
            "backfill. Start it and call this again: `airflow scheduler`, or on a laptop "
            "`make run`."
        )


def no_other_backfill(metadata: Metadata, dag_id: str, say: Callable[[str], None]) -> None:
    """Airflow has one backfill per DAG at a time; one that is done but not closed is waited for."""
    deadline = time.monotonic() + CLOSING_LIMIT
    is_told = False
    while active := metadata.active_backfill(dag_id):
        if active.has_open_runs or time.monotonic() > deadline:
            raise Refused(
                f"Backfill {active.backfill_id} of {dag_id} is active (logical dates "
                f"{minute(active.first)} to {minute(active.last)} UTC), and a DAG has one at a "
                f"time. Wait for its end or cancel it, and call this again.\n"
                + steering(dag_id, active.backfill_id, _following(dag_id, active))
            )
        if not is_told:
            say(f"Waiting until Airflow closes backfill {active.backfill_id}, which has ended ...")
            is_told = True
        time.sleep(1)


def _following(dag_id: str, active: Active) -> str:
    return shlex.join(["airflow", "dags", "backfill", *bounds(active.first, active.last), dag_id])


def obstacle(metadata: Metadata, dag_id: str) -> str:
    """Why a backfill that was begun does not go on, and what to do; empty while it does."""
    dag = metadata.dag(dag_id)
    if dag is None:
        return f"the DAG {dag_id} is gone; `airflow dags list-import-errors` may say why."
    if dag.is_paused:
        return f"the DAG {dag_id} is paused. Unpause it: airflow dags unpause {dag_id}"
    if metadata.is_backfill_paused(dag_id):
        return f"the backfill is paused. Unpause it on {web_address(f'/dags/{dag_id}')}"
    if not metadata.is_scheduler_alive():
        return "no scheduler is running. Start it, and the backfill goes on: airflow scheduler"
    return ""
