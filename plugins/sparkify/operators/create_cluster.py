"""Create a cluster from the values of the trigger form."""

from airflow.providers.amazon.aws.operators.redshift_cluster import RedshiftCreateClusterOperator
from airflow.sdk import Context


class CreateClusterOperator(RedshiftCreateClusterOperator):
    """Create a cluster whose number of nodes may be a template, which renders as text."""

    def execute(self, context: Context) -> None:
        """Create the cluster."""
        self.number_of_nodes = int(self.number_of_nodes)
        super().execute(context)
