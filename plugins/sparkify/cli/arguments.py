"""The commands and their options; those of ``airflow dags backfill`` are Airflow 2's."""

import json
from argparse import ArgumentTypeError
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from airflow.cli.cli_config import (
    ARG_DAG_ID,
    ARG_VERBOSE,
    ActionCommand,
    Arg,
    GroupCommand,
    lazy_load_command,
    positive_int,
)

from sparkify.cli.windows import Bound

# On two cores more concurrent runs are no faster, and each occupies a database session.
MAX_ACTIVE_RUNS = 4

TOKEN = "AIRFLOW_CLI_TOKEN"  # noqa: S105 - a variable's name, which is airflowctl's


def bound(text: str) -> Bound:
    """Parse a date, which is its midnight, or a date-time; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            f"{text!r} is not a date: use 2018-11-01, 2018-11-01T10:00 or 2018-11-01T10:00+01:00"
        ) from None
    return Bound(moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC), text)


def conf(text: str) -> dict[str, Any]:
    """Parse the runs' conf, a JSON object."""
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise ArgumentTypeError(f"{text!r} is not a JSON object, such as '{{\"name\": 1}}'")
    return parsed


def api_url(text: str) -> str:
    """Parse the address of an API server, with its path prefix if it has one."""
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.username is not None:
        # It is not repeated, as it may hold a password.
        raise ArgumentTypeError("the address of an API server begins with https:// and a host")
    return text.split("?")[0].split("#")[0].rstrip("/").removesuffix("/api/v2")


DESCRIPTION = """\
Run a DAG for every interval of a range, follow it to its end, and exit with 0 only if
every run succeeded and, for sparkify, each hour was loaded by that run or a later one.
START and END are logical dates, both inclusive, as in Airflow 2: the run that begins at
END is included. The scheduler executes the runs, so it must be running and the DAG must
not be paused."""

EPILOG = """\
The first day of November, hour by hour:
  airflow dags backfill -s 2018-11-01 -e 2018-11-01T23:00 sparkify

Exit status: 0 every run succeeded and loaded its hour (hours without a file are named), 1 one
did not or the backfill was refused, 2 invalid arguments, 130 interrupted (it continues)."""

ARG_START = Arg(
    ("-s", "--start-date"),
    metavar="START",
    type=bound,
    help="First logical date, such as 2018-11-01 or 2018-11-01T10:00; UTC without an\n"
    "offset. If START or END is omitted, it equals the other.",
)
ARG_END = Arg(
    ("-e", "--end-date"),
    metavar="END",
    type=bound,
    help="Last logical date, inclusive. A date is its midnight: on an hourly schedule\n"
    "-e 2018-11-02 ends with the run of 00:00 to 01:00, -e 2018-11-02T23:00\n"
    "includes the whole day.",
)
ARG_DRY_RUN = Arg(
    ("-n", "--dry-run"),
    action="store_true",
    help="Show the windows that would be run, and create nothing",
)
ARG_MAX_ACTIVE_RUNS = Arg(
    ("--max-active-runs",),
    metavar="NUMBER",
    type=positive_int(allow_zero=False),
    default=MAX_ACTIVE_RUNS,
    help="How many runs of this backfill may be active at a time (default: %(default)s,\n"
    "right for two cores). The DAG's own limit does not apply to backfills.",
)
ARG_RERUN_FAILED_TASKS = Arg(
    ("--rerun-failed-tasks",),
    action="store_true",
    help="Run a window again from its first task if its run failed; keep successful runs\n"
    "(in Airflow 3: --reprocess-behavior failed)",
)
ARG_RESET_DAGRUNS = Arg(
    ("--reset-dagruns",),
    action="store_true",
    help="Run a window again whether its run succeeded or failed; includes\n"
    "--rerun-failed-tasks (in Airflow 3: --reprocess-behavior completed).\n"
    "Without either, existing runs are kept.",
)
ARG_RUN_BACKWARDS = Arg(
    ("-B", "--run-backwards"), action="store_true", help="Run the latest window first"
)
ARG_CONF = Arg(("-c", "--conf"), metavar="JSON", type=conf, help="Conf of every run: a JSON object")
ARG_NO_WAIT = Arg(
    ("--no-wait",),
    action="store_true",
    help="Return once the backfill is created; the exit status then does not cover\nthe runs",
)

ARG_API_URL = Arg(
    ("--api-url",),
    metavar="URL",
    type=api_url,
    help="Address of Airflow's API server, where its database cannot be reached (Amazon\n"
    f"MWAA, Astronomer). The environment variable {TOKEN} holds the token.",
)

ARG_FIRST_HOUR = Arg(("-s", "--start-date"), metavar="START", type=bound, help="First hour")
ARG_LAST_HOUR = Arg(
    ("-e", "--end-date"),
    metavar="END",
    type=bound,
    help="Last hour, inclusive. A date is its midnight: -e 2018-11-02T23:00 includes\n"
    "the whole day",
)

HOURS = ActionCommand(
    name="hours",
    help="Show which hours are loaded, quiet, missing their file, failed, outdated or damaged",
    description="""\
Show the state of the hours that runs were asked to load, or of every hour from START to END (UTC,
both inclusive), compared with the current files of the source and the runs in Airflow; and the
commands that repair what is wrong.""",
    epilog="Exit status: 0 no hour needs attention, 1 some do or the source cannot be listed.",
    func=lazy_load_command("sparkify.cli.hours.hours"),
    args=(ARG_FIRST_HOUR, ARG_LAST_HOUR, ARG_VERBOSE),
)

PLAN = ActionCommand(
    name="plan",
    help="Show what loading a range would read and replace, and how long it would take",
    description="""\
Show what loading the hours from START to END (UTC, both inclusive) would do, and do nothing: which
files it would read, and which of them are new, changed, missing or gone; which hours it would
replace; and how long it would take in one run or as a backfill, at the speed of past runs.""",
    func=lazy_load_command("sparkify.cli.plan.plan"),
    args=(ARG_FIRST_HOUR, ARG_LAST_HOUR, ARG_VERBOSE),
)

CHANGES = ActionCommand(
    name="changes",
    help="Show which runs have changed numbers that were there before, and why",
    description="""\
Show what runs have changed of the days from START to END (UTC, both inclusive) that had been loaded
before: rows and users before and after, what was added, removed and changed, and which file
changed. The latest 200, from the view changed_numbers.""",
    func=lazy_load_command("sparkify.cli.changes.changes"),
    args=(ARG_FIRST_HOUR, ARG_LAST_HOUR, ARG_VERBOSE),
)

FORGET = ActionCommand(
    name="forget",
    help="Forget hours that were requested by mistake, or that song files were read",
    description="""\
Delete the records of the hours from START to END (UTC, both inclusive), such as those of a range
with a wrong year. Hours that hold plays or events, or whose run is under way, are kept. With
--catalogue, forget that song files were read.""",
    epilog="Exit status: 0 none of the hours is left, 1 some are kept.",
    func=lazy_load_command("sparkify.cli.forget.forget"),
    args=(
        ARG_FIRST_HOUR,
        ARG_LAST_HOUR,
        Arg(
            ("--catalogue",),
            action="store_true",
            help="Forget that song files were read, so that the next run reads all of them\n"
            "again; songs that the catalogue's mirror lacks are deleted at once",
        ),
        ARG_VERBOSE,
    ),
)

AUDIT = ActionCommand(
    name="audit",
    help="Find rows that something other than a run has changed, added or deleted",
    description="""\
Compare every table of the star, or its hours from START to END (UTC, both inclusive), with the
checksums recorded when it was loaded and with what it is derived from; mark the damaged hours, so
that `airflow sparkify hours` lists them; and print the commands that repair them. Wrong repairs of
garbled names are corrected at once.""",
    epilog="Exit status: 0 no damage was found, 1 some was, or a table could not be audited.",
    func=lazy_load_command("sparkify.cli.audit.audit"),
    args=(ARG_FIRST_HOUR, ARG_LAST_HOUR, ARG_VERBOSE),
)

DOCTOR = ActionCommand(
    name="doctor",
    help="Examine this deployment, before any data is loaded",
    description="""\
Examine this installation, the warehouse and what its user may do, every form of statement that the
loads rely on, the source and what a run would read and, on Redshift, COPY. Print a line for each:
it holds, it does not hold and what to do, or it cannot be told. Temporary objects have names of
their own and are removed afterwards.""",
    epilog="Exit status: 0 everything holds, 1 something does not, 3 something cannot be told.",
    func=lazy_load_command("sparkify.cli.doctor.doctor"),
    args=(ARG_VERBOSE,),
)

SPARKIFY = GroupCommand(
    name="sparkify",
    help="The Sparkify warehouse",
    subcommands=(DOCTOR, PLAN, HOURS, CHANGES, AUDIT, FORGET),
)

BACKFILL = ActionCommand(
    name="backfill",
    help="Run a DAG for every interval of a range, and follow it to its end",
    description=DESCRIPTION,
    epilog=EPILOG,
    func=lazy_load_command("sparkify.cli.backfill.backfill"),
    args=(
        ARG_DAG_ID,
        ARG_START,
        ARG_END,
        ARG_DRY_RUN,
        ARG_MAX_ACTIVE_RUNS,
        ARG_RERUN_FAILED_TASKS,
        ARG_RESET_DAGRUNS,
        ARG_RUN_BACKWARDS,
        ARG_CONF,
        ARG_NO_WAIT,
        ARG_API_URL,
        ARG_VERBOSE,
    ),
)
