"""A DAG with a deadline that can be tried out."""

from typing import Any

from airflow.sdk import DAG


class DeadlineDAG(DAG):
    """A DAG whose ``test()``, and so ``airflow dags test``, works although it has a deadline."""

    def test(self, *args: Any, **kwargs: Any) -> Any:
        """Run it here and now, where nobody waits: Airflow 3.3 cannot look the deadline up."""
        self.deadline = None
        return super().test(*args, **kwargs)
