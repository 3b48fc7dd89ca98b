"""The figures of runs and checks as metrics, sent where Airflow sends its own: StatsD, OTel."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

# The one name that both Airflow 3.2 and 3.3 have for it.
from airflow.sdk.observability.stats import Stats

log = logging.getLogger(__name__)

COUNTERS = {
    "sparkify.rows_staged": "staged",
    "sparkify.rejects": "rejected",
    "sparkify.files_missing": "missing",
    "sparkify.plays_published": "plays_published",
}
"""The counters of a run that has ended, and the figures of its balance sheet that they add."""

GAUGES = {
    "sparkify.stage_seconds": "stage_seconds",
    "sparkify.load_seconds": "load_seconds",
    "sparkify.check_seconds": "check_seconds",
}
"""The gauges of a run that has ended, and the figures that they show."""

LAG = "sparkify.lag_seconds"
"""Gauge: the seconds from the end of a scheduled run's window to the end of the run."""

CHECKS = {"error": "sparkify.checks_failed", "warn": "sparkify.checks_warned"}
"""The counters of checks that failed, by severity."""


def send_figures(figures: Mapping[str, Any], run_type: str) -> None:
    """Send the figures of a run that has ended."""
    tags = {"run_type": run_type}
    for name, figure in COUNTERS.items():
        _send(Stats.incr, name, figures.get(figure), tags)
    for name, figure in GAUGES.items():
        _send(Stats.gauge, name, figures.get(figure), tags)
    # A backfill's window ended long ago, which is no lag.
    if figures and run_type == "scheduled":
        end = datetime.fromisoformat(figures["window_end"]).replace(tzinfo=UTC)
        _send(Stats.gauge, LAG, (datetime.now(UTC) - end).total_seconds(), tags)


def send_failed_checks(severities: list[str]) -> None:
    """Send how many checks of each severity failed, even if none did: a series begins with 0."""
    for severity, name in CHECKS.items():
        _send(Stats.incr, name, severities.count(severity), {})


def _send(send: Callable[..., Any], name: str, value: float | None, tags: dict[str, str]) -> None:
    if value is None:
        return
    try:
        send(name, value, tags=tags)
    except Exception:
        # The data is loaded, whether or not somebody hears of it.
        log.warning("The metric %s could not be sent.", name, exc_info=True)
