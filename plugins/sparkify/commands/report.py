"""What the command says before and after the work."""

from collections.abc import Callable, Mapping, Sequence

from sparkify.commands.follow import Runs
from sparkify.commands.metadata import web_address
from sparkify.commands.request import Request
from sparkify.commands.windows import Fate, Plan, Window

FailedTasks = Callable[[Sequence[str]], Mapping[str, Sequence[str]]]


def announcement(request: Request, plan: Plan, remarks: Sequence[str]) -> str:
    """What will be loaded, before anything is created."""
    order = ", the latest first" if request.backwards else ""
    lines = [
        f"{request.dag_id}: {plan.span}, {_counted(len(plan.windows), 'run')}, "
        f"at most {request.max_active_runs} at a time{order}"
    ]
    lines += [f"Note: {remark}" for remark in remarks]
    if plan.count(Fate.NEW) < len(plan.windows):
        lines += [f"  {plan.count(fate)} {fate.value}" for fate in Fate if plan.count(fate)]
    if plan.count(Fate.FAILED):
        lines.append("  (--rerun-failed-tasks runs the failed ones again, --reset-dagruns all)")
    elif plan.count(Fate.LOADED):
        lines.append("  (--reset-dagruns runs all of them again)")
    return "\n".join(lines)


def listing(request: Request, plan: Plan) -> str:
    """Every window and what would become of it."""
    windows = reversed(plan.windows) if request.backwards else plan.windows
    lines = [f"  {window}  {plan.fate(window).value}" for window in windows]
    return "\n".join([*lines, "Nothing was created (--dry-run)."])


def steering(dag_id: str, backfill_id: int, follow: str) -> str:
    """How a backfill is followed, paused and cancelled."""
    api = web_address(f"/api/v2/backfills/{backfill_id}")
    return (
        f"  follow it:        {follow}\n"
        f"                    or {web_address(f'/dags/{dag_id}/backfills')}\n"
        f"  pause or cancel:  the banner on {web_address(f'/dags/{dag_id}')},\n"
        f"                    or PUT {api}/pause (unpause, cancel)"
    )


def success(plan: Plan, took: str) -> str:
    """That the whole range is loaded."""
    count = len(plan.windows)
    runs = f"All {count} runs" if count > 1 else "The run"
    return f"{runs} succeeded, in {took}: {plan.span} is loaded."


def failure(request: Request, plan: Plan, runs: Runs, failed_tasks: FailedTasks) -> str:
    """The windows that are not loaded, each with its run, and what to do."""
    windows = [window for window in plan.windows if not _is_loaded(window, runs)]
    ids = [runs[w.logical_date].run_id for w in windows if w.logical_date in runs]
    tasks = failed_tasks(ids)
    lines = [f"{len(windows)} of {_counted(len(plan.windows), 'run')} failed:"]
    lines += [f"  {window}  {_what_failed(window, runs, tasks)}" for window in windows]
    lines += [
        "What to do: see the failed task's log in the web UI, "
        f"{web_address(f'/dags/{request.dag_id}/runs')},",
        "mend what it names, and run only these windows again:",
        f"  {request.command('--rerun-failed-tasks')}",
    ]
    return "\n".join(lines)


def _is_loaded(window: Window, runs: Runs) -> bool:
    return window.logical_date in runs and runs[window.logical_date].state == "success"


def _what_failed(window: Window, runs: Runs, tasks: Mapping[str, Sequence[str]]) -> str:
    if window.logical_date not in runs:
        return "its run was deleted"
    run_id = runs[window.logical_date].run_id
    if not tasks.get(run_id):
        return f"{run_id}  no task failed: cancelled, or set to failed by hand"
    return f"{run_id}  failed: {', '.join(tasks[run_id])}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
