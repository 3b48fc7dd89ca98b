"""Delete a cluster after confirmation."""

from collections.abc import Sequence
from typing import Any

from airflow.providers.amazon.aws.operators.redshift_cluster import RedshiftDeleteClusterOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException


class DeleteClusterOperator(RedshiftDeleteClusterOperator):
    """
    Delete a cluster if its name is repeated as confirmation, keeping a final snapshot.

    :param confirmation: the name of the cluster again (templated)
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
        """Delete the cluster, or fail without the right confirmation."""
        if self.confirmation != self.cluster_identifier:
            raise AirflowFailException(
                f"Nothing was deleted. To delete the cluster {self.cluster_identifier}, trigger "
                f"the DAG again with its name, {self.cluster_identifier}, as confirmation; it was "
                f"{self.confirmation!r}."
            )
        super().execute(context)
