"""The project's DAGs and their tasks, as Airflow finds them."""

from pathlib import Path
from typing import TypeVar

from airflow.sdk import DAG

from tests.support.environment import ROOT

T = TypeVar("T")


def parsed_dags(folder: Path = ROOT / "dags") -> dict[str, DAG]:
    """The project's DAGs, or those of a copy of it, by id."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(folder))
    assert bag.import_errors == {}
    return dict(bag.dags)


def task_of(dag: DAG, task_id: str, operator: type[T]) -> T:
    """A task of a DAG, which is made by this operator."""
    task = dag.get_task(task_id)
    assert isinstance(task, operator), f"{task_id} is a {type(task).__name__}"
    return task
