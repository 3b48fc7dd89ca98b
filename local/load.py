"""The way from an empty folder to a loaded warehouse, step by step."""

import time
from contextlib import ExitStack
from datetime import UTC, datetime

from local.deployment import Deployment
from local.follow import Progress, end_left_over_runs, explain_failure, follow, trigger
from local.rest import Document
from local.screen import Screen
from local.settings import SOURCE_VARIABLE
from local.source import read_span

SCHEMA_DAG = "sparkify_schema"
DAG = "sparkify"


def load(deployment: Deployment, screen: Screen, once: bool) -> str:
    """Load everything the source holds; return the range in words."""
    with screen.live():
        with screen.step("Starting PostgreSQL"):
            deployment.postgres.start()
        deployment.write_files()
        prepare(deployment, screen)
        start, end = start_airflow(deployment, screen, once)
        span = f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
        run(deployment, screen, SCHEMA_DAG, "Making the tables", {})
        conf = {"start": start.isoformat(), "end": end.isoformat()}
        run(deployment, screen, DAG, f"Loading {span}", conf)
    return span


def prepare(deployment: Deployment, screen: Screen) -> None:
    """Make Airflow's database and the sample, side by side, where they are not there yet."""
    sample = deployment.layout.sample
    work = {}
    if not deployment.is_migrated():
        deployment.start("migration", "airflow", "db", "migrate")
        work["migration"] = "Making Airflow's database"
    if deployment.source == sample.as_uri() and not sample.exists():
        deployment.start("simulator", "local.sample", str(sample))
        work["simulator"] = "Simulating a month of listening"
    _wait(deployment, screen, work)
    deployment.note_migrated()


def start_airflow(deployment: Deployment, screen: Screen, once: bool) -> tuple[datetime, datetime]:
    """Start Airflow, and meanwhile find out which range the source's files span."""
    since = datetime.now(UTC)
    if deployment.stand_in:
        with screen.step("Starting the stand-in for Redshift"):
            deployment.start_stand_in()
    deployment.start_airflow(once)
    deployment.start("source", "local.source", deployment.exported[SOURCE_VARIABLE])
    with screen.step("Starting Airflow"):
        _wait(deployment, screen, {"source": "Looking at the source"})
        span = read_span(deployment.services.log("source").read_text(), deployment.source)
        deployment.wait_until_ready([SCHEMA_DAG, DAG], since)
    return span


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
