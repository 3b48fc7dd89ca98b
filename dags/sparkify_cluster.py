"""
### Create, pause, resume or delete a Redshift cluster

Trigger it with an action. Waiting occupies no worker.

| action | what happens |
|---|---|
| `create` | creates a role `<cluster>-copy` that may only read the bucket, and a cluster with it |
| `pause` | stops the charges for compute; the data stays |
| `resume` | starts the cluster again |
| `delete` | deletes the cluster, after a final snapshot `<cluster>-final-<time>` |

The cluster is encrypted, and not reachable from outside its network: the subnet group and the
security groups say which network that is and who in it may connect; without them, they are those of
the account's default network. To delete the cluster, type its name as confirmation.

The admin's name is the login of the connection `sparkify_warehouse`, the database its schema.
Without a password in that connection, Redshift creates one, keeps it in Secrets Manager and rotates
it. AWS is accessed through the connection `aws_default` or, without it, with the machine's own
permissions; `docs/managed-airflow.md` lists what it needs.

#### After `create`

Set the cluster's address as host of `sparkify_warehouse` and, if it has no password,
`{"iam": true}` as its extra; set the role's ARN, which the log of `make_copy_role` shows, as
`role_arn` in the extra of `sparkify_s3`. Then run `sparkify_schema`.

#### Serverless

Redshift Serverless pauses by itself, and the provider has no operators for it: `docs/redshift.md`
has the three commands that create a workgroup with a limit on what it may cost.
"""

from datetime import UTC, datetime

from airflow.providers.amazon.aws.operators.redshift_cluster import (
    RedshiftPauseClusterOperator,
    RedshiftResumeClusterOperator,
)
from airflow.providers.standard.operators.python import BranchPythonOperator
from airflow.sdk import DAG, Param

from sparkify.operators.copy_role import CopyRoleOperator
from sparkify.operators.create_cluster import CreateClusterOperator
from sparkify.operators.defaults import DEFAULT_ARGS
from sparkify.operators.delete_cluster import DeleteClusterOperator
from sparkify.settings import WAREHOUSE

FIRST_TASK = {
    "create": "make_copy_role",
    "pause": "pause_cluster",
    "resume": "resume_cluster",
    "delete": "delete_cluster",
}

CLUSTER = "{{ params.cluster }}"

WAITING = {"wait_for_completion": True, "deferrable": True, "poll_interval": 30}

with DAG(
    dag_id="sparkify_cluster",
    description="Creates, pauses, resumes or deletes the Redshift cluster",
    doc_md=__doc__,
    schedule=None,
    is_paused_upon_creation=False,
    start_date=datetime(2010, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["sparkify", "warehouse"],
    default_args={**DEFAULT_ARGS, "aws_conn_id": "aws_default"},
    params={
        "action": Param(
            "create",
            enum=list(FIRST_TASK),
            title="What to do",
            description="Create, pause, resume or delete the cluster.",
        ),
        "cluster": Param(
            "sparkify",
            type="string",
            pattern="^[a-z](?:-?[a-z0-9]){0,62}$",
            title="Name of the cluster",
            description="Its identifier in AWS: lower-case letters, digits and single hyphens.",
        ),
        "bucket": Param(
            "",
            type="string",
            title="Bucket of the source (create)",
            description="Only its name, without s3://. COPY's role may read it.",
        ),
        "kms_key": Param(
            "",
            type="string",
            pattern="^(arn:aws[a-z-]*:kms:[^:]+:[0-9]+:key/.+)?$",
            title="ARN of the bucket's KMS key (create)",
            description="If the bucket is encrypted with one. COPY's role may decrypt with it.",
        ),
        "node_type": Param(
            "ra3.large",
            type="string",
            title="Type of the nodes (create)",
            description="As AWS names it, such as ra3.large or ra3.xlplus.",
        ),
        "nodes": Param(
            2,
            type="integer",
            minimum=1,
            maximum=128,
            title="Number of nodes (create)",
            description="One is enough to try it; AWS says which types of nodes allow that.",
        ),
        "subnet_group": Param(
            "",
            type="string",
            title="Subnet group of the cluster (create)",
            description="The network it is in; without one, the account's default network.",
        ),
        "security_groups": Param(
            "",
            type="string",
            pattern="^(sg-[0-9a-f]+([, ]+sg-[0-9a-f]+)*)?$",
            title="Security groups of the cluster (create)",
            description="Who may connect, as ids such as sg-0a1b2c; without one, the default's.",
        ),
        "confirmation": Param(
            "",
            type="string",
            title="The cluster's name again (delete)",
            description="Type it to delete the cluster; a final snapshot is kept.",
        ),
    },
) as dag:
    choose = BranchPythonOperator(
        task_id="choose",
        python_callable=lambda action: FIRST_TASK[action],
        op_args=["{{ params.action }}"],
    )
    make_copy_role = CopyRoleOperator(
        task_id="make_copy_role",
        role=f"{CLUSTER}-copy",
        bucket="{{ params.bucket }}",
        kms_key="{{ params.kms_key }}",
    )
    create_cluster = CreateClusterOperator(
        task_id="create_cluster",
        cluster_identifier=CLUSTER,
        node_type="{{ params.node_type }}",
        number_of_nodes="{{ params.nodes }}",
        master_username=f"{{{{ conn.{WAREHOUSE}.login }}}}",
        master_user_password=f"{{{{ conn.{WAREHOUSE}.password or '' }}}}",
        db_name=f"{{{{ conn.{WAREHOUSE}.schema or 'dev' }}}}",
        iam_roles=["{{ ti.xcom_pull(task_ids='make_copy_role') }}"],
        cluster_subnet_group_name="{{ params.subnet_group }}",
        vpc_security_group_ids=["{{ params.security_groups }}"],
        encrypted=True,
        publicly_accessible=False,
        # Keep a cluster that is slow to start, for inspection.
        delete_cluster_on_failure=False,
        max_attempt=60,
        **WAITING,
    )
    pause_cluster = RedshiftPauseClusterOperator(
        task_id="pause_cluster",
        cluster_identifier=CLUSTER,
        **WAITING,
    )
    resume_cluster = RedshiftResumeClusterOperator(
        task_id="resume_cluster",
        cluster_identifier=CLUSTER,
        **WAITING,
    )
    delete_cluster = DeleteClusterOperator(
        task_id="delete_cluster",
        cluster_identifier=CLUSTER,
        confirmation="{{ params.confirmation }}",
        snapshot=f"{CLUSTER}-final-{{{{ dag_run.run_after.strftime('%Y%m%d%H%M%S') }}}}",
        max_attempts=60,
        **WAITING,
    )

    choose >> [make_copy_role, pause_cluster, resume_cluster, delete_cluster]
    make_copy_role >> create_cluster
