"""Deadlines of runs, and the workarounds that a DAG with one needs."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

# Airflow's stubs lack the names of deadlines.
from airflow.sdk import DAG, AsyncCallback, DeadlineAlert, DeadlineReference  # type: ignore[attr-defined]

from sparkify.versions import DEADLINES_ARE_NUMBERS


def due_within(interval: timedelta, late: Callable[..., Awaitable[None]]) -> DeadlineAlert:
    """Call ``late`` for a run that has not ended this long after it was queued or cleared."""
    alert = DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=interval,
        callback=AsyncCallback(late),
    )
    if DEADLINES_ARE_NUMBERS:
        alert.interval = interval.total_seconds()
    return alert


class DeadlineDAG(DAG):
    """A DAG with a deadline for which ``test()``, hence ``airflow dags test``, still works."""

    def test(self, *args: Any, **kwargs: Any) -> Any:
        """Run the DAG without its deadline, which Airflow 3.3 cannot look up here."""
        self.deadline = None
        return super().test(*args, **kwargs)
