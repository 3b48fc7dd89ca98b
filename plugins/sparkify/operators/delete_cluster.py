"""Deletes a cluster that somebody has named twice."""

from collections.abc import Sequence
from typing import Any

from airflow.providers.amazon.aws.operators.redshift_cluster import RedshiftDeleteClusterOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException


class DeleteClusterOperator(RedshiftDeleteClusterOperator):
    """
    Delete a cluster, once its name was typed again, and keep a final snapshot of it.

    :param confirmation: the name as it was typed again (templated)
    :param snapshot: name of the final snapshot (templated)
    """

    template_fields: Sequence[str] = (
        *RedshiftDeleteClusterOperator.template_fields,
        "confirmation",
        "final_cluster_snapshot_identifier",
    )

    def __init__(self, *, confirmation: str, snapshot: str, **kwargs: Any) -> None:
        super().__init__(
            skip_final_cluster_snapshot=False, final_cluster_snapshot_identifier=snapshot, **kwargs
        )
        self.confirmation = confirmation

    def execute(self, context: Context) -> None:
        """Delete it, or say what to type."""
        if self.confirmation != self.cluster_identifier:
            raise AirflowFailException(
                f"Nothing was deleted. To delete the cluster {self.cluster_identifier}, trigger "
                f"this again and type its name, {self.cluster_identifier}, as confirmation too; "
                f"it was {self.confirmation!r}."
            )
        super().execute(context)
