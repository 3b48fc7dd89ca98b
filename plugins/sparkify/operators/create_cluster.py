"""Creates a cluster from what was typed into the trigger form."""

from airflow.providers.amazon.aws.operators.redshift_cluster import RedshiftCreateClusterOperator
from airflow.sdk import Context


class CreateClusterOperator(RedshiftCreateClusterOperator):
    """Create a cluster; the number of its nodes may be a template, which renders as text."""

    def execute(self, context: Context) -> None:
        """Create it."""
        self.number_of_nodes = int(self.number_of_nodes)
        super().execute(context)
