"""
The connections and variables that this project reads, while a task runs and never at parse time.

Functions import Airflow themselves, because names and defaults are needed before Airflow starts.
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
"""Optional connection of type ``smtp`` for alerts; its extra ``to`` names the recipients."""

SLACK = "sparkify_slack"
"""Optional connection of type ``slackwebhook`` for alerts."""

VARIABLE = "AIRFLOW_VAR_SPARKIFY_"
"""What the name of a variable begins with in the environment."""

DEFAULTS = {
    "partition": "log_data/%Y/%m/%Y-%m-%d-events.json",
    "partition_timezone": "UTC",
    "partition_slack": "0",
    "songs": "song_data/**/*.json",
    "jsonpaths": "",
    "manifest_prefix": "",
    "report_folder": "",
    "lookback_minutes": "0",
    "statement_timeout_minutes": "60",
    "reject_limit": "0.01",
    "drift": "warn",
    "stale_hours": "24",
    "keep_staging_days": "7",
    "keep_rejects_days": "90",
}
"""The variables' defaults, without the prefix ``sparkify_``."""

FILE_NAMES = {"partition", "songs"}
"""The variables that name files, relative to the source."""

LONGEST_DURATION = timedelta(days=36_525)
"""The longest duration that a setting may have."""


@cache
def setting(name: str) -> str:
    """
    Return the value of the variable ``sparkify_<name>``, or its default.

    Cached, since every read is a call to Airflow's API and one SQL file may read its window five
    times. A task is a process of its own, so it sees changes.
    """
    from airflow.sdk import Variable
    from airflow.sdk.exceptions import AirflowFailException

    value = Variable.get(f"sparkify_{name}", default=DEFAULTS.get(name))
    if value is None:
        raise AirflowFailException(
            f"The variable sparkify_{name} is not set. Set it under Admin > Variables, "
            f"or with: airflow variables set sparkify_{name} VALUE"
        )
    text = str(value).strip()
    if name in FILE_NAMES:
        _check_file_names(name, text)
    return text


def _check_file_names(name: str, text: str) -> None:
    """Refuse names that match no file of any source."""
    from airflow.sdk.exceptions import AirflowFailException

    if not text and name == "partition":
        raise AirflowFailException(
            "The variable sparkify_partition is empty. Set it to the names of the event files, "
            f"such as {DEFAULTS[name]}, or delete it, which sets it to these."
        )
    if any(line.startswith("/") for line in text.splitlines()):
        raise AirflowFailException(
            f"The variable sparkify_{name} is {text!r}, but names of files are relative to the "
            "source. Remove the slash in front."
        )


def lookback() -> timedelta:
    """How far before its hour a run's window begins, for events that arrive late."""
    return _duration("lookback_minutes", "minutes")


def partition_timezone() -> ZoneInfo:
    """The time zone of the times in the names of event files."""
    name = setting("partition_timezone")
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        _refuse("partition_timezone", "the name of a time zone, such as UTC or America/Los_Angeles")


def partition_slack() -> timedelta:
    """How far the events of a file may lie outside the time in its name."""
    return _duration("partition_slack", "hours")


def statement_timeout() -> timedelta:
    """How long one statement of a load may take; 0 for any time."""
    return _duration("statement_timeout_minutes", "minutes")


DEAD_AFTER = timedelta(days=30)
"""How long a run that has neither ended nor failed counts as active."""


def keep_staging() -> timedelta:
    """How long the staging tables of a failed run are kept."""
    return _duration("keep_staging_days", "days")


def keep_rejects() -> timedelta:
    """How long rejects, check results and replaced ledger entries are kept."""
    return _duration("keep_rejects_days", "days")


def stale_hours() -> int:
    """How old the newest event of a scheduled run may be."""
    return _duration("stale_hours", "hours") // timedelta(hours=1)


def _duration(name: str, unit: str) -> timedelta:
    text = setting(name)
    # A longer one would leave the calendar, and Python limits the digits that int() reads.
    number = int(text) if text.isdecimal() and len(text) < 10 else -1
    if not 0 <= number <= LONGEST_DURATION // timedelta(**{unit: 1}):
        _refuse(name, "a whole number from 0 to the length of a century")
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


def drift_severity() -> str:
    """Whether changed keys are reported (``warn``) or stop a run before publishing (``error``)."""
    severity = setting("drift")
    if severity not in ("warn", "error"):
        _refuse("drift", "warn or error")
    return severity


def _refuse(name: str, wanted: str) -> NoReturn:
    from airflow.sdk.exceptions import AirflowFailException

    raise AirflowFailException(
        f"The variable sparkify_{name} is {setting(name)!r}; it must be {wanted}."
    )
