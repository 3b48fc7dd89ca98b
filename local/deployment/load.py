"""From an empty folder to a loaded warehouse, step by step."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from local.api.follow import Progress, explain_failure, fail_abandoned_runs, follow, trigger
from local.api.rest import Document
from local.deployment.deployment import AIRFLOW, Deployment
from local.deployment.environment import SOURCE_VARIABLE
from local.deployment.source import ended_long_ago, read_span
from local.terminal.screen import Screen

SCHEMA_DAG = "sparkify_schema"
DAG = "sparkify"


@dataclass(frozen=True)
class Span:
    """The time range of a source, and whether the hourly schedule is on."""

    start: datetime
    end: datetime
    scheduled: bool = False

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


def load(deployment: Deployment, screen: Screen, *, once: bool, schedule: bool) -> Span:
    """
    Load the whole source and return its time range.

    :param once: whether Airflow stops after the load
    :param schedule: whether to schedule runs even for an old source
    """
    with screen.live():
        with screen.step("Starting PostgreSQL"):
            deployment.postgres.start()
        deployment.write_files()
        prepare(deployment, screen)
        span = start_airflow(deployment, screen, once=once, schedule=schedule)
        run(deployment, screen, SCHEMA_DAG, "Creating the tables", {})
        conf = {"start": span.start.isoformat(), "end": span.end.isoformat()}
        run(deployment, screen, DAG, f"Loading {span}", conf)
    return span


def prepare(deployment: Deployment, screen: Screen) -> None:
    """Create the databases and the sample, in parallel, if they do not exist."""
    deployment.create_warehouse()
    sample = deployment.layout.sample
    work = {}
    if not deployment.is_migrated():
        deployment.start("migration", AIRFLOW, "db", "migrate")
        work["migration"] = "Creating Airflow's database"
    if deployment.source == sample.as_uri() and not sample.exists():
        deployment.start("simulator", "local.deployment.sample", str(sample))
        work["simulator"] = "Simulating a month of listening"
    _wait(deployment, screen, work)
    deployment.mark_migrated()


def start_airflow(
    deployment: Deployment, screen: Screen, *, once: bool, schedule: bool = False
) -> Span:
    """Start Airflow; it schedules runs only if the source is still growing."""
    since = datetime.now(UTC)
    if deployment.stand_in:
        with screen.step("Starting the stand-in for Redshift"):
            deployment.start_stand_in()
    deployment.start_airflow()
    deployment.start("source", "local.deployment.source", deployment.exported[SOURCE_VARIABLE])
    with screen.step("Starting Airflow"):
        _wait(deployment, screen, {"source": "Inspecting the source"})
        start, end = read_span(deployment.services.log("source").read_text())
        scheduled = not once and (schedule or not ended_long_ago(end))
        deployment.start_scheduler(scheduled=scheduled, serves=not once)
        deployment.wait_until_ready([SCHEMA_DAG, DAG], since)
    return Span(start, end, scheduled)


def run(deployment: Deployment, screen: Screen, dag: str, title: str, conf: Document) -> None:
    """Run a DAG once and show its progress; raise if it fails."""
    api, logs = deployment.api, deployment.layout.task_logs
    shown: set[str] = set()

    with screen.step(title) as step:

        def show(progress: Progress) -> None:
            deployment.services.check()
            step.show(str(progress), progress.done, progress.total)
            for message in progress.waiting:
                if message not in shown:
                    shown.add(message)
                    screen.print(message)

        fail_abandoned_runs(api, dag)
        run_id = trigger(api, dag, conf)
        if follow(api, dag, run_id, logs, show) != "success":
            raise explain_failure(api, dag, run_id, logs)


def _wait(deployment: Deployment, screen: Screen, work: dict[str, str]) -> None:
    """Show processes in parallel until each of them has finished."""
    with ExitStack() as stack:
        steps = {name: ExitStack() for name in work}
        for name, title in work.items():
            stack.enter_context(steps[name]).enter_context(screen.step(title))
        while steps:
            for name in [name for name in steps if deployment.services.finished(name)]:
                steps.pop(name).close()
            time.sleep(0.05)
