"""The messages of a backfill before and after the runs."""

from collections.abc import Callable, Mapping, Sequence

from sparkify.cli.follow import Runs
from sparkify.cli.request import Request
from sparkify.cli.windows import Action, Plan, Window

WebAddress = Callable[[str], str]
FailedTasks = Callable[[Sequence[str]], Mapping[str, Sequence[str]]]


def announcement(request: Request, plan: Plan, remarks: Sequence[str]) -> str:
    """Describe what will be run."""
    order = ", the latest first" if request.backwards else ""
    lines = [
        f"{request.dag_id}: {plan.span}, {_counted(len(plan.windows), 'run')}, "
        f"at most {request.max_active_runs} at a time{order}"
    ]
    lines += [f"Note: {remark}" for remark in remarks]
    if plan.count(Action.NEW) < len(plan.windows):
        counts = {action: plan.count(action) for action in Action}
        lines += [f"  {count} {action.value}" for action, count in counts.items() if count]
    if plan.count(Action.FAILED):
        lines.append("  (--rerun-failed-tasks runs the failed ones again, --reset-dagruns all)")
    elif plan.count(Action.UNLOADED):
        lines.append("  (--reset-dagruns runs all of them again, which loads those hours)")
    elif plan.count(Action.SUCCEEDED):
        lines.append("  (--reset-dagruns runs all of them again)")
    return "\n".join(lines)


def listing(request: Request, plan: Plan) -> str:
    """List every window with what would happen to it."""
    windows = reversed(plan.windows) if request.backwards else plan.windows
    lines = [f"  {window}  {plan.action(window).value}" for window in windows]
    return "\n".join([*lines, "Nothing was created (--dry-run)."])


def steering(web_address: WebAddress, dag_id: str, backfill_id: int, follow: str) -> str:
    """Explain how to follow, pause and cancel a backfill."""
    api = web_address(f"/api/v2/backfills/{backfill_id}")
    return (
        f"  follow it:        {follow}\n"
        f"                    or {web_address(f'/dags/{dag_id}/backfills')}\n"
        f"  pause or cancel:  the banner on {web_address(f'/dags/{dag_id}')},\n"
        f"                    or PUT {api}/pause (unpause, cancel)"
    )


def success(request: Request, plan: Plan, took: str) -> str:
    """Report that every run succeeded and, if that was checked, which hours are loaded."""
    count, loads = len(plan.windows), plan.loads
    runs = f"All {count} runs" if count > 1 else "The run"
    if loads is None:
        return f"{runs} succeeded, in {took}."
    empty = [window for window in plan.windows if not loads[window.start].files]
    if not empty:
        return f"{runs} succeeded, in {took}: {plan.span} is loaded."
    lines = [
        f"{runs} succeeded, in {took}, but {len(empty)} of {_counted(count, 'hour')} had no file:"
    ]
    lines += [
        f"  {row[0].start:%Y-%m-%d %H:%M} to {row[-1].end:%Y-%m-%d %H:%M}"
        for row in _in_a_row(empty)
    ]
    lines += ["Nothing of them is loaded. Once the files are there, run these windows again:"]
    lines += [f"  {_repeat(request, row, '--reset-dagruns')}" for row in _in_a_row(empty)]
    return "\n".join(lines)


def failure(
    request: Request, plan: Plan, failed_tasks: FailedTasks, web_address: WebAddress
) -> str:
    """List the windows whose run failed, or that are not loaded, and say what to do."""
    windows = [window for window in plan.windows if not plan.holds(window)]
    failed = [window for window in windows if not _has_succeeded(window, plan.runs)]
    unloaded = [window for window in windows if _has_succeeded(window, plan.runs)]
    lines = []
    if failed:
        ids = [plan.runs[w.logical_date].run_id for w in failed if w.logical_date in plan.runs]
        tasks = failed_tasks(ids)
        lines += [f"{len(failed)} of {_counted(len(plan.windows), 'run')} failed:"]
        lines += [f"  {window}  {_what_failed(window, plan.runs, tasks)}" for window in failed]
        lines += [
            "What to do: see the failed task's log in the web UI, "
            f"{web_address(f'/dags/{request.dag_id}/runs')},",
            "fix what it names, and run only these windows again:",
            "  " + _repeat(request, failed, "--rerun-failed-tasks"),
        ]
    if unloaded:
        lines += [
            f"{len(unloaded)} of {_counted(len(plan.windows), 'run')} succeeded, but the warehouse "
            "has no load of the hour by that run or a later one:"
        ]
        lines += [f"  {window}  {plan.runs[window.logical_date].run_id}" for window in unloaded]
        lines += [
            "Such a run had another range or was set to success by hand, or the tables were "
            "recreated since; or this terminal uses another warehouse than the scheduler: on a "
            "laptop, run `source .local/env` again. Then run these windows again:"
        ]
        lines += [f"  {_repeat(request, row, '--reset-dagruns')}" for row in _in_a_row(unloaded)]
    return "\n".join(lines)


def _repeat(request: Request, windows: Sequence[Window], option: str) -> str:
    return request.command(windows[0].logical_date, windows[-1].logical_date, option)


def _in_a_row(windows: Sequence[Window]) -> list[list[Window]]:
    """Group consecutive windows."""
    found: list[list[Window]] = []
    for window in windows:
        if found and found[-1][-1].end == window.start:
            found[-1].append(window)
        else:
            found.append([window])
    return found


def _has_succeeded(window: Window, runs: Runs) -> bool:
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
