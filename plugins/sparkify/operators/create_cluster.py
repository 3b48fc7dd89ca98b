"""Create a cluster from the values of the trigger form."""

from typing import Any

from airflow.providers.amazon.aws.hooks.redshift_cluster import RedshiftHook
from airflow.providers.amazon.aws.operators.redshift_cluster import RedshiftCreateClusterOperator
from airflow.sdk import Context


class ClusterHook(RedshiftHook):
    """The provider's hook, which can leave the admin's password to Redshift."""

    def create_cluster(
        self,
        cluster_identifier: str,
        node_type: str,
        master_username: str,
        master_user_password: str,
        params: dict[str, Any],
    ) -> dict[str, Any]:
        """Create a cluster; without a password, Redshift keeps one in Secrets Manager."""
        password: dict[str, Any] = {"MasterUserPassword": master_user_password}
        created: dict[str, Any] = self.conn.create_cluster(
            ClusterIdentifier=cluster_identifier,
            NodeType=node_type,
            MasterUsername=master_username,
            **(password if master_user_password else {"ManageMasterPassword": True}),
            **params,
        )
        return created


class CreateClusterOperator(RedshiftCreateClusterOperator):
    """
    Create a cluster whose number of nodes may be a template, and whose security groups may be one.

    Without a password, Redshift creates the admin's, keeps it in Secrets Manager, and rotates it.
    """

    aws_hook_class = ClusterHook

    def execute(self, context: Context) -> None:
        """Create the cluster."""
        # Templates render as text.
        self.number_of_nodes = int(self.number_of_nodes)
        self.cluster_type = "multi-node" if self.number_of_nodes > 1 else "single-node"
        groups = ",".join(self.vpc_security_group_ids or ())
        self.vpc_security_group_ids = groups.replace(",", " ").split()
        super().execute(context)
