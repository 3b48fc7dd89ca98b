"""The way from an empty folder to a loaded warehouse, step by step."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from local.api.follow import Progress, end_left_over_runs, explain_failure, follow, trigger
from local.api.rest import Document
from local.deployment.deployment import Deployment
from local.deployment.environment import SOURCE_VARIABLE
from local.deployment.source import ended_long_ago, read_span
from local.terminal.screen import Screen

SCHEMA_DAG = "sparkify_schema"
DAG = "sparkify"


@dataclass(frozen=True)
class Span:
    """The range that the source's files span, and whether the schedule goes on from there."""

    start: datetime
    end: datetime
    scheduled: bool = False

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


def load(deployment: Deployment, screen: Screen, *, once: bool, schedule: bool) -> Span:
    """
    Load everything the source holds; return what that spans.

    :param once: whether Airflow ends after it
    :param schedule: whether there is a schedule however old the source is
    """
    with screen.live():
        with screen.step("Starting PostgreSQL"):
            deployment.postgres.start()
        deployment.write_files()
        prepare(deployment, screen)
        span = start_airflow(deployment, screen, once=once, schedule=schedule)
        run(deployment, screen, SCHEMA_DAG, "Making the tables", {})
        conf = {"start": span.start.isoformat(), "end": span.end.isoformat()}
        run(deployment, screen, DAG, f"Loading {span}", conf)
    return span


def prepare(deployment: Deployment, screen: Screen) -> None:
    """Make the databases and the sample where they are not there yet, side by side."""
    deployment.make_warehouse()
    sample = deployment.layout.sample
    work = {}
    if not deployment.is_migrated():
        deployment.start("migration", "airflow", "db", "migrate")
        work["migration"] = "Making Airflow's database"
    if deployment.source == sample.as_uri() and not sample.exists():
        deployment.start("simulator", "local.deployment.sample", str(sample))
        work["simulator"] = "Simulating a month of listening"
    _wait(deployment, screen, work)
    deployment.note_migrated()


def start_airflow(
    deployment: Deployment, screen: Screen, *, once: bool, schedule: bool = False
) -> Span:
    """Start Airflow; whether anything is scheduled depends on how old the source is."""
    since = datetime.now(UTC)
    if deployment.stand_in:
        with screen.step("Starting the stand-in for Redshift"):
            deployment.start_stand_in()
    deployment.start_airflow()
    deployment.start("source", "local.deployment.source", deployment.exported[SOURCE_VARIABLE])
    with screen.step("Starting Airflow"):
        _wait(deployment, screen, {"source": "Looking at the source"})
        start, end = read_span(deployment.services.log("source").read_text())
        scheduled = not once and (schedule or not ended_long_ago(end))
        deployment.start_scheduler(scheduled=scheduled, serves=not once)
        deployment.wait_until_ready([SCHEMA_DAG, DAG], since)
    return Span(start, end, scheduled)


def run(deployment: Deployment, screen: Screen, dag: str, title: str, conf: Document) -> None:
    """Run a DAG once, and show how far it is; a failure is trouble."""
    api, logs = deployment.api, deployment.layout.task_logs
    told: set[str] = set()

    with screen.step(title) as step:

        def show(progress: Progress) -> None:
            deployment.services.check()
            step.show(str(progress), progress.done, progress.total)
            for sentence in progress.waiting:
                if sentence not in told:
                    told.add(sentence)
                    screen.say(sentence)

        end_left_over_runs(api, dag)
        run_id = trigger(api, dag, conf)
        if follow(api, dag, run_id, logs, show) != "success":
            raise explain_failure(api, dag, run_id, logs)


def _wait(deployment: Deployment, screen: Screen, work: dict[str, str]) -> None:
    """Show processes side by side until each has done its work."""
    with ExitStack() as shown:
        steps = {name: ExitStack() for name in work}
        for name, title in work.items():
            shown.enter_context(steps[name]).enter_context(screen.step(title))
        while steps:
            for name in [name for name in steps if deployment.services.finished(name)]:
                steps.pop(name).close()
            time.sleep(0.05)
