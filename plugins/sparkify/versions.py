"""The versions of Airflow that this project supports, and all that differs between them."""

from airflow import __version__
from airflow.sdk.exceptions import AirflowException
from packaging.specifiers import SpecifierSet
from packaging.version import Version

AIRFLOW = Version(__version__)
SUPPORTED = SpecifierSet(">=3.2.1,<3.4")
"""What the tests cover, as in requirements.txt."""

DEADLINES_ARE_NUMBERS = AIRFLOW.release[:2] == (3, 3)
"""Airflow 3.3 can clear a run before its deadline only if the interval is a number; 3.4 always."""

BACKFILL_ERRORS = (
    (AirflowException, RuntimeError) if AIRFLOW.release < (3, 3) else (AirflowException,)
)
"""What Airflow raises to refuse a backfill; 3.2 has no error of its own for one without runs."""


def is_periodic(periodic: bool | None, summary: str | None) -> bool:
    """Whether a schedule recurs. Airflow 3.2 does not say so, except by the schedule's summary."""
    return summary not in (None, "None", "@once", "Asset") if periodic is None else periodic
