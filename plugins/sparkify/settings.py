"""Every Airflow object this project reads, named once; read while a task runs, never at parse."""

from datetime import timedelta
from functools import cache

from airflow.sdk import Variable
from airflow.sdk.exceptions import AirflowFailException

from sparkify.defaults import DEFAULTS

WAREHOUSE = "sparkify_warehouse"
"""Connection to the warehouse; its type, ``redshift`` or ``postgres``, decides the engine."""

STORAGE = "sparkify_s3"
"""Connection of type ``aws`` that reaches an S3 source."""

MAIL = "sparkify_mail"
"""Connection of type ``smtp``, optional: who is told of failures is its extra ``to``."""

SLACK = "sparkify_slack"
"""Connection of type ``slackwebhook``, optional: where failures are told."""


@cache
def setting(name: str) -> str:
    """
    The value of the variable ``sparkify_<name>``, or its default.

    A task, which is a process of its own, asks once: each time is a call of Airflow's API, and
    one SQL file may name its window five times.
    """
    value = Variable.get(f"sparkify_{name}", default=DEFAULTS.get(name))
    if value is None:
        raise AirflowFailException(
            f"The variable sparkify_{name} is not set. Set it under Admin > Variables, "
            f"or with: airflow variables set sparkify_{name} VALUE"
        )
    return str(value)


def lookback() -> timedelta:
    """How far before its hour a run reaches back for events that arrived late."""
    return timedelta(minutes=_whole_number("lookback_minutes"))


def keep_staging() -> timedelta:
    """How long the staging tables of a run that failed are kept for a look."""
    return timedelta(days=_whole_number("keep_staging_days"))


def keep_rejects() -> timedelta:
    """How long rejects, results of checks and replaced ledger entries are kept."""
    return timedelta(days=_whole_number("keep_rejects_days"))


def _whole_number(name: str) -> int:
    text = setting(name)
    if not text.isdecimal():
        raise AirflowFailException(
            f"The variable sparkify_{name} is {text!r}; it must be a whole number, 0 or more."
        )
    return int(text)


def reject_limit() -> float:
    """The share of records, 0 to 1, above which a run stops before publishing."""
    text = setting("reject_limit")
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise AirflowFailException(
            f"The variable sparkify_reject_limit is {text!r}; it must be a share between 0 and 1, "
            "such as 0.01 for 1 %."
        )
    return share
