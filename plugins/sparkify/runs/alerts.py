"""
Alerts: notify people of tasks that failed for good, of warnings, and of runs that are late.

Messages leave the machine, so they contain counts, checks and files, and no row.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, NamedTuple

from airflow.sdk import BaseHook, Context
from airflow.sdk.exceptions import AirflowNotFoundException
from asgiref.sync import sync_to_async

from sparkify.runs.hours import DAG_ID
from sparkify.settings import MAIL, SLACK
from sparkify.warehouse import lock, session, warehouse_hook
from sparkify.window import Window, naive

log = logging.getLogger(__name__)


def failed(context: Context) -> None:
    """Notify people of a failed task, and record it in the run's balance sheet."""
    task, run_id = context["task_instance"].task_id, str(context["run_id"])
    notify(
        f"Sparkify: {task} failed",
        f"{task} of {run_id} failed.\n{context.get('exception')}\n"
        "docs/runbook.md explains each message. "
        f"The log: {getattr(context['task_instance'], 'log_url', 'in the web UI')}",
    )
    if context["task_instance"].dag_id != DAG_ID:
        return
    # Last, so that people are notified even if the warehouse cannot be reached.
    hook = warehouse_hook()
    with session(hook) as cursor:
        lock(cursor, hook.conn_type, "load_runs")
        cursor.execute(
            "update load_runs set failed_at = %s, failed_task = %s where run_id = %s",
            (naive(datetime.now(UTC)), task, run_id),
        )


class ChangedCheck(NamedTuple):
    """A check whose result is not the one that people know of."""

    check: str
    passed: bool
    warned_lately: bool


class Repaired(NamedTuple):
    """The failed runs that a run makes good, their time, and how many other hours are failed."""

    runs: int
    window_start: datetime | None
    window_end: datetime | None
    hours_left: int


class News(NamedTuple):
    """What people do not know yet when a run ends."""

    changes: Sequence[ChangedCheck]
    repaired: Repaired


def announce(context: Context, news: News, warnings: Mapping[str, str]) -> None:
    """
    Notify people, in one message, of what has changed.

    The many runs of a backfill announce a warning once a day, and that failed hours are loaded once
    none is left.

    :param warnings: the texts of the run's warnings, by check
    """
    changes, repaired = news
    loads_failed_hours = bool(repaired.runs)
    if context["dag_run"].run_type == "backfill":
        changes = [one for one in changes if not one.passed and not one.warned_lately]
        loads_failed_hours &= not repaired.hours_left
    warned = [one.check for one in changes if not one.passed]
    held = [one.check for one in changes if one.passed]
    lines = [warnings.get(check, f"{check}: a warning; see the log") for check in warned]
    lines += [f"{check}: passes again" for check in held]
    lines += [_describe(repaired)] if loads_failed_hours else []
    if not lines:
        return
    window = Window.of_run(context)
    notify(
        f"Sparkify: {_subject(warned, held)}",
        f"{context['run_id']} has loaded {window}.\n"
        + "\n".join(lines)
        + "\ndocs/runbook.md explains each check. "
        f"The log: {getattr(context['task_instance'], 'log_url', 'in the web UI')}",
    )


def _subject(warned: Sequence[str], held: Sequence[str]) -> str:
    """Name the check, or say how many there are."""
    if not (warned or held):
        return "hours that had failed are loaded"
    verb, checks = ("warns", warned) if warned else ("passes again", held)
    return f"{checks[0]} {verb}" + (f", and {more} more" if (more := len(checks) - 1) else "")


def _describe(repaired: Repaired) -> str:
    """Say which failed hours are loaded, and how many are not."""
    return (
        f"Loaded after a failure: {repaired.window_start:%Y-%m-%d %H:%M} to "
        f"{repaired.window_end:%Y-%m-%d %H:%M} UTC. Hours still failed: {repaired.hours_left}"
        + (" (airflow sparkify hours lists them)." if repaired.hours_left else ".")
    )


async def late(context: Mapping[str, Any]) -> None:
    """
    Notify people of a scheduled hour that is not loaded in time.

    Backfills, which may take long, and failed runs, which ``failed`` announces, are left out. This
    runs in the triggerer, since a worker's callback without a task may not read connections.
    """
    run = context["dag_run"]
    if run["run_type"] != "scheduled" or run["state"] == "failed":
        return
    await sync_to_async(notify)(
        "Sparkify: an hour is late",
        f"{run['dag_run_id']}, for {run['data_interval_start']} to {run['data_interval_end']}, was "
        "not loaded within an hour after it was due. See in the web UI which of its tasks is "
        "waiting or running; docs/runbook.md, under Alerts, says what to look at.",
    )


def notify(subject: str, text: str) -> None:
    """Send a message through every channel that has a connection."""
    for conn_id, send in CHANNELS.items():
        try:
            connection = BaseHook.get_connection(conn_id)
        except AirflowNotFoundException:
            continue
        try:
            send(connection, subject, text)
        except Exception:
            # A failure to notify must not hide the failure itself.
            log.exception("%r was not sent through %s: check that connection.", subject, conn_id)


def _mail(connection: Any, subject: str, text: str) -> None:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    # Not through a template, so that data quoted in a message is not rendered.
    SmtpNotifier(
        to=connection.extra_dejson["to"],
        subject=subject,
        html_content=f"<pre>{escape(text)}</pre>",
        smtp_conn_id=connection.conn_id,
    ).notify({})


def _slack(connection: Any, subject: str, text: str) -> None:
    from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

    SlackWebhookNotifier(
        slack_webhook_conn_id=connection.conn_id, text=f"*{subject}*\n```{text}```"
    ).notify({})


CHANNELS: dict[str, Callable[[Any, str, str], None]] = {MAIL: _mail, SLACK: _slack}
