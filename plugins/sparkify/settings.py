"""
Every Airflow object this project reads, named once; read while a task runs, never at parse.

Airflow is imported by what asks it: what starts Airflow reads the names and the defaults before.
"""

from datetime import timedelta
from functools import cache
from typing import NoReturn
from zoneinfo import ZoneInfo

WAREHOUSE = "sparkify_warehouse"
"""Connection to the warehouse; its type, ``redshift`` or ``postgres``, decides the engine."""

STORAGE = "sparkify_s3"
"""Connection of type ``aws`` that reaches an S3 source."""

MAIL = "sparkify_mail"
"""Connection of type ``smtp``, optional: who is told of failures is its extra ``to``."""

SLACK = "sparkify_slack"
"""Connection of type ``slackwebhook``, optional: where failures are told."""

DEFAULTS = {
    "partition": "log_data/%Y/%m/%Y-%m-%d-events.json",
    "partition_timezone": "UTC",
    "partition_slack": "0",
    "songs": "song_data/**/*.json",
    "jsonpaths": "",
    "manifest_prefix": "",
    "report_folder": "",
    "lookback_minutes": "0",
    "reject_limit": "0.01",
    "stale_hours": "24",
    "keep_staging_days": "7",
    "keep_rejects_days": "90",
}
"""Variables with a working default, without their prefix ``sparkify_``."""

LONGEST = timedelta(days=36_525)
"""What a setting may say at most of a length of time."""


@cache
def setting(name: str) -> str:
    """
    The value of the variable ``sparkify_<name>``, or its default.

    A task, which is a process of its own, asks once: each time is a call of Airflow's API, and
    one SQL file may name its window five times.
    """
    from airflow.sdk import Variable
    from airflow.sdk.exceptions import AirflowFailException

    value = Variable.get(f"sparkify_{name}", default=DEFAULTS.get(name))
    if value is None:
        raise AirflowFailException(
            f"The variable sparkify_{name} is not set. Set it under Admin > Variables, "
            f"or with: airflow variables set sparkify_{name} VALUE"
        )
    return str(value)


def lookback() -> timedelta:
    """How far before its hour a run reaches back for events that arrived late."""
    return _duration("lookback_minutes", "minutes")


def partition_timezone() -> ZoneInfo:
    """The zone of the time that the event files' names say."""
    name = setting("partition_timezone")
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        _refuse("partition_timezone", "the name of a time zone, such as UTC or America/Los_Angeles")


def partition_slack() -> timedelta:
    """What an event file may hold before and after the time that its name says."""
    return _duration("partition_slack", "hours")


DEAD_AFTER = timedelta(days=30)
"""How long a run that has neither ended nor failed is taken to be at work."""


def keep_staging() -> timedelta:
    """How long the staging tables of a run that failed are kept for a look."""
    return _duration("keep_staging_days", "days")


def keep_rejects() -> timedelta:
    """How long rejects, results of checks and replaced ledger entries are kept."""
    return _duration("keep_rejects_days", "days")


def stale_hours() -> int:
    """How old the newest event may be when the schedule's run loads it."""
    return _duration("stale_hours", "hours") // timedelta(hours=1)


def _duration(name: str, unit: str) -> timedelta:
    text = setting(name)
    # What is longer leads out of the calendar; and so many digits Python does not even read.
    number = int(text) if text.isdecimal() and len(text) < 10 else -1
    if not 0 <= number <= LONGEST // timedelta(**{unit: 1}):
        _refuse(name, "a whole number, 0 or more, and not more than a century")
    return timedelta(**{unit: number})


def reject_limit() -> float:
    """The share of records, 0 to 1, above which a run stops before publishing."""
    text = setting("reject_limit")
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        _refuse("reject_limit", "a share between 0 and 1, such as 0.01 for 1 %")
    return share


def _refuse(name: str, wanted: str) -> NoReturn:
    from airflow.sdk.exceptions import AirflowFailException

    raise AirflowFailException(
        f"The variable sparkify_{name} is {setting(name)!r}; it must be {wanted}."
    )
