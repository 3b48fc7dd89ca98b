"""``airflow sparkify doctor``: examine a deployment before any data is loaded."""

from argparse import Namespace

from sparkify.cli.failures import command
from sparkify.cli.metadata import Metadata
from sparkify.cli.screen import Screen
from sparkify.doctor.examination import (
    DoesNotHoldError,
    Verdict,
    examination,
    examine,
    summary,
)
from sparkify.doctor.examinations import examinations
from sparkify.doctor.subject import Subject

ALL_HOLDS, SOME_BROKEN, SOME_UNKNOWN = 0, 1, 3
"""Exit statuses; 2 is that of invalid arguments."""

DAGS = {"sparkify", "sparkify_schema"}
"""The DAGs that no deployment can do without."""


@command
def doctor(_: Namespace, screen: Screen) -> int:
    """Print the finding of each examination, and what they come to."""
    findings = []
    with Subject() as subject:
        for finding in examine([metadata, scheduler, triggerer, dags, *examinations()], subject):
            screen.print(str(finding))
            findings.append(finding)
    screen.print(summary(findings))
    verdicts = {finding.verdict for finding in findings}
    if Verdict.BROKEN in verdicts:
        return SOME_BROKEN
    return SOME_UNKNOWN if Verdict.UNKNOWN in verdicts else ALL_HOLDS


@examination(
    fix="Set [database] sql_alchemy_conn to a PostgreSQL or MySQL database, and run "
    "`airflow db migrate`."
)
def metadata(_: Subject) -> str:
    """Airflow's metadata database is one that runs may use at once."""
    dialect = Metadata().dialect()
    if dialect == "sqlite":
        raise DoesNotHoldError("It is SQLite, which locks while a backfill is created.")
    return dialect


@examination(fix="Start it: `airflow scheduler`, or on a laptop `make run`.")
def scheduler(_: Subject) -> str:
    """A scheduler is running."""
    if not Metadata().is_running("SchedulerJob"):
        raise DoesNotHoldError("There is no recent heartbeat.")
    return ""


@examination(fix="Start it: `airflow triggerer`. Loads do not need it.")
def triggerer(_: Subject) -> str:
    """A triggerer is running, for alerts of late hours and for sparkify_cluster."""
    if not Metadata().is_running("TriggererJob"):
        raise DoesNotHoldError("There is no recent heartbeat.")
    return ""


@examination(
    fix="`airflow dags list-import-errors` says why; put the files of dags/ below dags_folder."
)
def dags(_: Subject) -> str:
    """Airflow has parsed the DAGs."""
    known = set(Metadata().dag_ids())
    if missing := sorted(DAGS - known):
        raise DoesNotHoldError(f"It does not know {', '.join(missing)}.")
    its = Metadata().dag("sparkify")
    return "sparkify is paused" if its and its.is_paused else "sparkify is not paused"
