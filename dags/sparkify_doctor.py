"""
### Examine this deployment, before any data is loaded

Does what `airflow sparkify doctor` does, for where there is no shell, such as on Amazon MWAA:
trigger it, and read the log of `examine`. Each line is an examination: it *holds*, it *does not
hold* and what to do, or it *cannot be told* because something that it needs is not there.

It examines this installation, the connection to the warehouse and what its user may do, every form
of statement that the loads rely on, the source and what a run would read and, on Redshift, COPY
with the role, by a few records that it writes below `sparkify_manifest_prefix`. What it creates has
names of its own, and is removed. The task fails if anything does not hold.

`docs/redshift.md` shows its output.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from sparkify.operators.defaults import DEFAULT_ARGS
from sparkify.operators.examine_deployment import ExamineDeploymentOperator

with DAG(
    dag_id="sparkify_doctor",
    description="Examines the deployment, before any data is loaded",
    doc_md=__doc__,
    schedule=None,
    is_paused_upon_creation=False,
    start_date=datetime(2010, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["sparkify", "warehouse"],
    default_args={**DEFAULT_ARGS, "execution_timeout": timedelta(minutes=10)},
) as dag:
    ExamineDeploymentOperator(task_id="examine")
