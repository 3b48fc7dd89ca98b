"""What a task has read and written, for Airflow's OpenLineage provider."""

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from sparkify.lineage import Lineage
from sparkify.window import Window

if TYPE_CHECKING:  # an extra that a deployment may lack
    from airflow.providers.openlineage.extractors import OperatorLineage


class LineageMixin(BaseOperator):
    """Lets Airflow's OpenLineage provider, which alone calls it, ask for the task's lineage."""

    def lineage(self) -> Lineage:
        """Return what the task has read and written."""
        raise NotImplementedError

    def get_openlineage_facets_on_start(self) -> "OperatorLineage[Any, Any]":
        """Return nothing yet: the provider's SQL operator would ask the warehouse for schemas."""
        from airflow.providers.openlineage.extractors import OperatorLineage

        return OperatorLineage()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> "OperatorLineage[Any, Any]":
        """Return the lineage of a task that has succeeded."""
        return self.lineage().facets(_window(task_instance))

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> "OperatorLineage[Any, Any]":
        """Return the lineage of a task as far as it came, without rows: they were rolled back."""
        return self.lineage().facets(_window(task_instance), with_rows=False)


def _window(task_instance: Any) -> Window | None:
    """Return the window of the task's run, if it has one."""
    context = task_instance.get_template_context()
    return Window.of_run(context) if {"start", "end"} <= context["params"].keys() else None
