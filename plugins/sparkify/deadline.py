"""When a run is late, and what Airflow needs to work with a DAG that has a deadline."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from airflow import __version__

# The stubs of its package leave the names of deadlines out.
from airflow.sdk import DAG, AsyncCallback, DeadlineAlert, DeadlineReference  # type: ignore[attr-defined]


def due_within(interval: timedelta, late: Callable[..., Awaitable[None]]) -> DeadlineAlert:
    """Call ``late`` for a run that is not done so long after it was queued, or cleared."""
    alert = DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=interval,
        callback=AsyncCallback(late),
    )
    if __version__.startswith("3.3."):
        # There, clearing a run that is not late yet fails unless its interval is a number.
        alert.interval = interval.total_seconds()
    return alert


class DeadlineDAG(DAG):
    """A DAG whose ``test()``, and so ``airflow dags test``, works although it has a deadline."""

    def test(self, *args: Any, **kwargs: Any) -> Any:
        """Run it here and now, where nobody waits: Airflow 3.3 cannot look the deadline up."""
        self.deadline = None
        return super().test(*args, **kwargs)
