"""Rules that every SQL file keeps; each failure says how to mend it."""

import importlib
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sparkify.checks import Check
from sparkify.macros import MACROS
from sparkify.operators.data_quality import DataQualityOperator
from sparkify.operators.load import LoadOperator, Slice
from sparkify.operators.warehouse import ExecuteSQLOperator
from tests.support.dags import task_of
from tests.support.environment import ROOT

SQL = ROOT / "sql"
FILES = sorted(SQL.rglob("*.sql"))
CHECKS = sorted([*(SQL / "audit").glob("*.sql"), *(SQL / "quality").glob("*.sql")])
LOADED = [file.stem for file in sorted((SQL / "load").glob("*.sql"))]
ENGINES = ["postgres", "redshift"]

# Words that one of the engines lacks, or takes in its own way; schema/ may differ by engine.
ONE_ENGINE_ONLY = (
    r"on conflict|distinct on|\breturning\b|filter\s*\(|lateral|qualify|getdate|dateadd|datediff"
    r"|\bnvl\b|\blen\(|listagg|truncate|\bmerge\b|\bserial\b|nulls (first|last)|::|%"
)


def rendered(
    file_name: str, engine: str, monkeypatch: pytest.MonkeyPatch, **one_engine: Any
) -> str:
    monkeypatch.setenv(
        "AIRFLOW_CONN_SPARKIFY_WAREHOUSE", f'{{"conn_type": "{engine}", "host": "nowhere"}}'
    )
    templates = Environment(
        loader=FileSystemLoader(SQL), undefined=StrictUndefined, autoescape=False
    )
    # What a macro writes for either engine is the one thing that may differ.
    templates.globals.update(MACROS, scratch="scratch_{}".format, **one_engine)
    params = {"start": "2018-11-01", "end": "2018-12-01"}
    return templates.get_template(file_name).render(
        run_id="manual__1",
        params=params,
        dag=SimpleNamespace(params=params),
        dag_run=SimpleNamespace(run_type="manual"),
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SQL)))
def test_every_file_renders_for_both_engines(
    file: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(file.relative_to(SQL))
    text = rendered(name, engine, monkeypatch)
    assert "{{" not in text
    assert "{%" not in text
    said = file.read_text().startswith(("-- ", "{#- "))
    assert said, f"{name}: say in the first line what a row of it, or the fragment, is."


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SQL)))
def test_no_file_but_those_that_make_tables_knows_an_engine(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(file.relative_to(SQL))
    one_engine = {"content": lambda *columns: "1", "row_version": lambda *table: "1"}
    texts = {rendered(name, engine, monkeypatch, **one_engine) for engine in ENGINES}
    if name.startswith(("schema/", "migrations/")):
        return
    texts = {re.sub(r"timestamp '20[2-9][^']*'", "now", text) for text in texts}
    assert len(texts) == 1, f"{name}: what differs by engine belongs in schema/ or migrations/."
    code = re.sub(r"--.*|'[^']*'", "", texts.pop())
    found = re.search(ONE_ENGINE_ONLY, code)
    assert not found, f"{name}: {found and found[0]!r} is not in both engines."


def test_redshift_gets_no_index_and_postgres_no_sort_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for file in sorted((SQL / "schema").glob("*.sql")):
        name = f"schema/{file.name}"
        assert "create index" not in rendered(name, "redshift", monkeypatch)
        assert "collate" not in rendered(name, "redshift", monkeypatch)
        assert not re.search("sortkey|diststyle", rendered(name, "postgres", monkeypatch))


@pytest.mark.parametrize("table", LOADED)
def test_every_loaded_table_has_its_three_files_and_its_line(
    table: str, dags: dict[str, DAG]
) -> None:
    assert (SQL / f"schema/{table}.sql").exists(), f"Describe the table in sql/schema/{table}.sql."
    assert list((SQL / "quality").glob(f"{table}_*.sql")), (
        f"Say in sql/quality/{table}_<assertion>.sql what holds of it."
    )
    loads = [task for task in dags["sparkify"].tasks if isinstance(task, LoadOperator)]
    slices = (step for load in loads for step in load.afterwards if isinstance(step, Slice))
    loaded = {
        "repaired_names",
        "user_agents",
        *(load.table for load in loads),
        *(one.table for one in slices),
    }
    assert table in loaded, f"Load {table} in dags/sparkify.py."


def test_every_table_is_made_by_the_schema_dag(dags: dict[str, DAG]) -> None:
    sql = task_of(dags["sparkify_schema"], "create_tables", ExecuteSQLOperator).sql
    assert isinstance(sql, str)
    made = re.findall(r"include 'schema/(\w+)\.sql'", sql)
    assert sorted(made) == sorted(file.stem for file in (SQL / "schema").glob("*.sql")), (
        "List the file in TABLES of dags/sparkify_schema.py, or delete it."
    )


def test_every_check_is_run_once(dags: dict[str, DAG]) -> None:
    gate, check = (
        task_of(dags["sparkify"], task_id, DataQualityOperator)
        for task_id in ("audit_staged", "check_quality")
    )
    assert sorted(gate.checks) == sorted(file.stem for file in (SQL / "audit").iterdir())
    assert sorted(check.checks) == sorted(file.stem for file in (SQL / "quality").glob("*.sql"))
    assert gate.checks
    assert check.checks


@pytest.mark.parametrize("file", CHECKS, ids=lambda f: f.stem)
def test_every_check_says_what_to_do(file: Path) -> None:
    text = file.read_text()
    severity = re.search(r"^-- severity: (.*)$", text, re.MULTILINE)
    assert severity is None or severity[1] in ("warn", "error", "{{ drift_severity() }}")
    assert re.search(r"^-- fix: \S", text, re.MULTILINE), "Say in '-- fix: …' what to do."


QUOTABLE = (
    r"(last_)?source(_file)?|dataset|hour_\w+|\w+_(count|loaded|staged|remaining|held|found|records|files)"
    r"|held_events_\w+|(of_)?\w*plays\w*|lines|staged|rejected|folded|forgotten|loaded_before|of_\w+_read"
    r"|of_another_time_than_their_file|(fewest_of_)?past_weeks|matched\w*"
    r"|change|changed_file|key_name|column_name|kind|day"
)
"""The names of columns of files, their keys, hours, days and counts."""


@pytest.mark.parametrize("file", CHECKS, ids=lambda f: f.stem)
def test_messages_quote_files_hours_and_counts_of_a_check(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = rendered(str(file.relative_to(SQL)), "postgres", monkeypatch)
    for column in Check(file.stem, text).quotes:
        assert re.fullmatch(QUOTABLE, column), f"{column} may hold what people see in no message."
        assert re.search(rf"\b{column}\b", re.sub(r"--.*", "", text)), f"It has no {column}."


def test_the_library_of_operators_is_one_file_each() -> None:
    for file in (ROOT / "plugins/sparkify/operators").glob("[!_]*_*.py"):
        module = importlib.import_module(f"sparkify.operators.{file.stem}")
        name = "".join(part.capitalize() for part in file.stem.split("_")) + "Operator"
        assert hasattr(module, name), f"{file.name} should hold {name}."


@pytest.mark.parametrize(
    "file", [file for file in FILES if "questions" not in file.parts], ids=lambda file: file.stem
)
def test_no_statement_knows_the_year_of_a_sample(file: Path) -> None:
    code = re.sub(r"--.*", "", file.read_text())
    assert not re.search(r"\b20\d\d\b", code), "It must hold in any year: use the run's window."


@pytest.mark.parametrize("file", CHECKS, ids=lambda f: f.stem)
def test_every_check_is_in_the_runbook(file: Path) -> None:
    name = file.stem
    assert f"`{name}`" in (ROOT / "docs/runbook.md").read_text(), f"Say there what to do: {name}."
