"""Rules that every DAG keeps; each failure says how to mend it."""

import ast
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from airflow.sdk import DAG, BaseOperator, CronDataIntervalTimetable
from airflow.sdk.definitions.mappedoperator import MappedOperator

from sparkify.operators.errors import VisibleErrorsMixin
from sparkify.operators.lineage import LineageMixin
from tests.support.environment import ROOT

DAG_FILES = sorted((ROOT / "dags").glob("*.py"))
# What reads a setting, the environment or the clock; in Jinja, or in a task, all of it is welcome.
READERS = {"Variable", "Connection", "BaseHook", "environ", "getenv", "now", "utcnow", "today"}


def all_tasks(dags: dict[str, DAG]) -> list[BaseOperator | MappedOperator]:
    return [task for dag in dags.values() for task in dag.tasks]


def test_every_dag_file_holds_the_dag_of_its_name(dags: dict[str, DAG]) -> None:
    assert sorted(dags) == [file.stem for file in DAG_FILES], (
        "A DAG's id is its file's name: rename one of them."
    )


def test_every_dag_has_a_runbook_an_owner_and_tags(dags: dict[str, DAG]) -> None:
    for dag in dags.values():
        assert dag.doc_md, f"{dag.dag_id}: begin its file with a docstring, and set doc_md=__doc__."
        assert dag.description, f"{dag.dag_id}: say in its description what it does."
        assert "sparkify" in dag.tags, f"{dag.dag_id}: tag it sparkify."
        assert dag.catchup is False, f"{dag.dag_id}: catchup is off; use a backfill."
        assert dag.start_date is not None
        for name in dag.params:
            param = dag.params.get_param(name)
            assert param.schema.get("title"), f"{dag.dag_id}: give the param {name} a title."
            assert param.description, f"{dag.dag_id}: describe the param {name}."


def test_every_task_has_an_owner_retries_and_an_end(dags: dict[str, DAG]) -> None:
    for task in all_tasks(dags):
        assert task.owner == "data-engineering", f"{task.task_id}: use the DAG's default_args."
        assert task.retries, f"{task.task_id}: set retries; the network fails now and then."
        assert task.execution_timeout, f"{task.task_id}: set an execution_timeout."
        assert task.on_failure_callback, f"{task.task_id}: nobody would hear of its failure."


def test_an_hourly_run_has_a_window_of_an_hour(dags: dict[str, DAG]) -> None:
    timetable = dags["sparkify"].timetable
    assert isinstance(timetable, CronDataIntervalTimetable), (
        "A plain '@hourly' gives runs a window of no length, which load nothing."
    )
    assert timetable == CronDataIntervalTimetable("@hourly", timezone="UTC")


def test_what_people_trigger_starts_at_once_and_a_schedule_when_someone_says_so(
    dags: dict[str, DAG],
) -> None:
    for dag in dags.values():
        if dag.schedule is None:
            assert dag.is_paused_upon_creation is False, (
                f"{dag.dag_id}: set is_paused_upon_creation=False, or its first run waits unseen."
            )
        else:
            assert dag.is_paused_upon_creation is None, (
                f"{dag.dag_id}: leave is_paused_upon_creation to Airflow, or it loads before the "
                "deployment is set up."
            )


def test_what_a_template_raises_is_shown(dags: dict[str, DAG]) -> None:
    for dag_id in ("sparkify", "sparkify_doctor", "sparkify_report", "sparkify_schema"):
        for task in dags[dag_id].tasks:
            assert isinstance(task, VisibleErrorsMixin), (
                f"{task.task_id}: derive its operator from VisibleErrorsMixin, or the web UI "
                "folds the sentence that says which setting or param is wrong."
            )


def test_every_task_states_its_lineage(dags: dict[str, DAG]) -> None:
    for dag_id in ("sparkify", "sparkify_report", "sparkify_schema"):
        for task in dags[dag_id].tasks:
            assert isinstance(task, LineageMixin), (
                f"{task.task_id}: derive its operator from LineageMixin, and say in `lineage` what "
                "it reads and writes."
            )


EDGES = {
    "stage_events": {"audit_staged"},
    "stage_songs": {"audit_staged", "load_song_copies"},
    "audit_staged": {"load_song_copies", "load_user_events", "load_time"},
    "load_song_copies": {"load_staging_songs"},
    "load_staging_songs": {"load_artists"},
    "load_artists": {"load_songs"},
    "load_songs": {"link_songplays"},
    "link_songplays": {"load_songplays"},
    "load_user_events": {"load_users", "load_user_levels"},
    "load_users": {"load_songplays"},
    "load_user_levels": {"load_songplays"},
    "load_time": {"load_songplays"},
    "load_songplays": {"check_quality"},
    "check_quality": {"drop_staging"},
    "drop_staging": set(),
}


def test_the_order_is_stage_audit_dimensions_fact_check(dags: dict[str, DAG]) -> None:
    drawn = {task.task_id: set(task.downstream_task_ids) for task in dags["sparkify"].tasks}
    assert drawn == EDGES


def test_every_table_that_is_loaded_is_an_asset(dags: dict[str, DAG]) -> None:
    tasks = [task for task in dags["sparkify"].tasks if task.task_id.startswith("load_")]
    updated = Counter(asset.name for task in tasks for asset in task.outlets)
    assert updated == Counter(task.task_id.replace("load_", "sparkify.") for task in tasks)


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
def test_no_dag_file_reads_a_setting_or_the_clock(file: Path) -> None:
    tree = ast.parse(file.read_text())
    named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    named |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not named & READERS, "Read it in Jinja, or in an operator while the task runs."


def test_parsing_reads_no_setting_and_imports_nothing_slow() -> None:
    """The whole import, operators and macros included, with every way to a setting cut off."""
    program = """
import airflow.sdk, airflow.models
def refuse(*_, **__): raise SystemExit("a DAG file reads a setting while it is parsed")
airflow.sdk.Variable.get = airflow.models.Variable.get = refuse
airflow.sdk.BaseHook.get_connection = airflow.sdk.Connection.get = refuse
import runpy, sys
for file in sys.argv[1:]: runpy.run_path(file)
if "polars" in sys.modules:
    raise SystemExit("a DAG file imports polars: each task would, which takes longer than the task")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program, *map(str, DAG_FILES)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugins")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def test_every_task_shows_its_sql_in_the_rendered_tab(dags: dict[str, DAG]) -> None:
    for task in dags["sparkify"].tasks:
        if hasattr(task, "sql"):
            assert "sql" in task.template_fields
            assert task.template_fields_renderers["sql"] == "sql"


def test_the_plugin_manager_leaves_the_package_alone() -> None:
    """Else it would import every module a second time, under its bare name."""
    assert "sparkify/" in (ROOT / "plugins/.airflowignore").read_text().splitlines()
