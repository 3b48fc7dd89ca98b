"""Examinations of this deployment: packages, SQL, Airflow's own settings, the variables."""

import os
import platform
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import Any

from airflow.configuration import conf
from airflow.sdk.exceptions import AirflowFailException

from sparkify import __version__, settings, versions
from sparkify.doctor.examination import DoesNotHoldError, examination
from sparkify.doctor.subject import Subject
from sparkify.macros import sql_files
from sparkify.sources.partitions import Partition

FOLDERS = ("audit", "load", "quality", "questions", "schema")
"""Folders of ``sql/`` without which a DAG would do nothing, and succeed."""

SETTINGS: tuple[Callable[[], Any], ...] = (
    settings.lookback,
    settings.statement_timeout,
    settings.partition_timezone,
    settings.partition_slack,
    settings.reject_limit,
    settings.drift_severity,
    settings.stale_hours,
    settings.keep_staging,
    settings.keep_rejects,
    lambda: Partition.from_settings().names_a_time,
    lambda: settings.setting("songs"),
)
"""What reads the variables that may be wrong; each raises a sentence."""


@examination(fix="Install what requirements.txt lists, for this Python and this machine.")
def packages(_: Subject) -> str:
    """Airflow is of a version that is tested, and everything that a run imports is installed."""
    if not versions.SUPPORTED.contains(versions.AIRFLOW, prereleases=True):
        raise DoesNotHoldError(f"This is Airflow {versions.AIRFLOW}, and not {versions.SUPPORTED}.")
    for module in ("postgres", "redshift"):
        import_module(f"sparkify.staging.{module}")
    return (
        f"Sparkify {__version__}, Airflow {versions.AIRFLOW}, Python {platform.python_version()}, "
        f"Amazon provider {version('apache-airflow-providers-amazon')}"
    )


@examination()
def sql(_: Subject) -> str:
    """The SQL files were deployed with the package."""
    return f"{sum(len(sql_files(folder)) for folder in FOLDERS)} files"


@examination(fix="Set [core] hide_sensitive_var_conn_fields to True, its default.")
def masking(_: Subject) -> str:
    """Airflow masks the secrets of connections in the logs of tasks."""
    if not conf.getboolean("core", "hide_sensitive_var_conn_fields", fallback=True):
        raise DoesNotHoldError("It shows them.")
    return ""


@examination()
def variables(_: Subject) -> str:
    """The variables sparkify_… have valid values."""
    problems = []
    for read in SETTINGS:
        try:
            read()
        except AirflowFailException as error:
            problems.append(str(error))
    if problems:
        raise DoesNotHoldError(" ".join(problems))
    changed = [
        name for name in settings.DEFAULTS if settings.setting(name) != settings.DEFAULTS[name]
    ]
    found = f"all defaults but {', '.join(changed)}" if changed else "all defaults"
    known = {f"{settings.VARIABLE}{name.upper()}" for name in ("source", *settings.DEFAULTS)}
    unknown = sorted(
        name for name in os.environ if name.startswith(settings.VARIABLE) and name not in known
    )
    return f"{found}; but no setting is named {', '.join(unknown)}" if unknown else found
