"""What the operators beside the loads state; tests/local/test_lineage.py has a whole run's."""

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG

from sparkify.lineage import known_tables
from sparkify.macros import sql_files
from sparkify.page.files import REPORT

pytestmark = pytest.mark.usefixtures("warehouse")


def stated(dag: DAG, task_id: str, **context: Any) -> Any:
    """What a task states once it has run."""
    task: Any = copy.copy(dag.get_task(task_id))
    context |= {"params": {"recreate": False}, "run_id": "run", "dag": dag}
    task.render_template_fields(context, dag.get_template_env())
    task.execute(context)
    run = SimpleNamespace(get_template_context=lambda: context)
    return task.get_openlineage_facets_on_complete(run)


def names(datasets: list[Any]) -> set[str]:
    return {one.name.rpartition(".")[2] for one in datasets}


def test_tables_are_stated_with_their_columns(dags: dict[str, DAG]) -> None:
    schema = dags["sparkify_schema"]
    created = stated(schema, "create_tables")
    assert names(created.outputs) == set(sql_files("schema"))
    described = {
        one.name.rpartition(".")[2]: one.facets for one in stated(schema, "describe_tables").outputs
    }
    assert described.keys() == known_tables()
    fields = described["users"]["schema"].fields
    assert [one.name for one in fields][:2] == ["user_id", "first_name"]
    assert all(one.type and one.description for one in fields)
    assert described["users"]["documentation"].description.startswith("One row per user")
    assert described["totals"].keys() == {"documentation"}


def test_views_are_stated_with_what_they_read(dags: dict[str, DAG]) -> None:
    made = stated(dags["sparkify_schema"], "create_views")
    assert names(made.outputs) == set(sql_files("views"))
    assert {"songplays", "repaired_names", "hour_loads", "load_runs"} <= names(made.inputs)
    answers = stated(dags["sparkify_schema"], "create_answers")
    assert names(answers.outputs) == set(sql_files("questions"))
    assert {"session_hours", "song_days", "data_as_of"} <= names(answers.inputs)


def test_the_report_is_stated_with_what_it_is_about(
    dags: dict[str, DAG], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REPORT_FOLDER", f"{tmp_path.as_uri()}/")
    told = stated(dags["sparkify_report"], "write_report", triggering_asset_events={})
    assert [(one.namespace, one.name) for one in told.outputs] == [("file", f"{tmp_path}/{REPORT}")]
    assert {"session_hours", "song_days", "rejected_rows"} <= names(told.inputs)


def test_a_task_that_has_not_come_far_states_nothing(dags: dict[str, DAG]) -> None:
    for dag_id, task_id in (("sparkify", "stage_events"), ("sparkify", "check_quality")):
        task: Any = copy.copy(dags[dag_id].get_task(task_id))
        facets = task.lineage().facets()
        assert (facets.inputs, facets.outputs) == ([], [])
        assert task.get_openlineage_facets_on_start().inputs == []
