"""The DAG ``floor``: the graph of ``sparkify`` with no-op tasks."""

import sys
from pathlib import Path

FLOOR = "floor"

# The task that skips itself in an hour without new songs; others are skipped because of it.
SKIPPING = "stage_songs"

TEXT = '''"""The graph of sparkify with no-op tasks."""

from datetime import UTC, datetime

from airflow.sdk import DAG, BaseOperator, Context, CronDataIntervalTimetable
from airflow.sdk.exceptions import AirflowSkipException

# Task, trigger rule and upstream tasks.
TASKS = {tasks}


class NoOperator(BaseOperator):
    """A no-op on a worker: the scheduler does not run Airflow's EmptyOperator at all."""

    def execute(self, context: Context) -> None:
        if self.task_id == "{skipping}":
            raise AirflowSkipException("no new songs")


with DAG(
    dag_id="{floor}",
    schedule=CronDataIntervalTimetable("@hourly", timezone="UTC"),
    start_date=datetime(2010, 1, 1, tzinfo=UTC),
    catchup=False,
) as dag:
    for task_id, trigger_rule, _ in TASKS:
        NoOperator(task_id=task_id, trigger_rule=trigger_rule)
    for task_id, _, upstream in TASKS:
        for other in upstream:
            dag.set_dependency(other, task_id)
'''


def floor_text(dag_file: Path) -> str:
    """Return the file of the DAG ``floor`` for the DAG of another file."""
    from airflow.dag_processing.dagbag import DagBag  # takes seconds

    [dag] = DagBag(dag_folder=str(dag_file)).dags.values()
    tasks = [
        (task.task_id, task.trigger_rule.value, sorted(task.upstream_task_ids))
        for task in dag.tasks
    ]
    lines = "".join(f"    {task!r},\n" for task in tasks)
    return TEXT.format(tasks=f"[\n{lines}]", skipping=SKIPPING, floor=FLOOR)


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(floor_text(Path(sys.argv[1])))
