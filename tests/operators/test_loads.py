"""The strategies by which tables are loaded: the statements, whole, and what they guarantee."""

from typing import Any

import pytest

from local.tools.pipeline import Pipeline
from sparkify.macros import sql_files
from sparkify.operators import load as loading
from sparkify.operators import load_dimension
from sparkify.operators.link_fact import LinkFactOperator
from sparkify.operators.load import Slice, columns_of, columns_to_insert
from sparkify.operators.load_dimension import LoadDimensionOperator
from sparkify.operators.load_fact import LoadFactOperator
from tests.support.sources import TestSource, play, song
from tests.support.warehouse import Warehouse


class Described:
    """A cursor that knows the columns of every SELECT, and creates temporary tables."""

    rowcount = 1

    def __init__(self, *columns: str) -> None:
        self.description = [(column,) for column in columns]
        self.created: list[str] = []

    def execute(self, statement: str) -> None:
        if statement.startswith("create temp table"):
            self.created.append(statement)
        else:
            assert statement.endswith("where false")


def test_a_fact_load_deletes_the_window_and_inserts_the_select() -> None:
    operator = LoadFactOperator(
        task_id="load", table="facts", sql="select 1 as a", window="day = 1"
    )
    assert operator.replacement(Described("a", "b")) == [
        "delete from facts where day = 1",
        "insert into facts (a, b)\nselect a, b\nfrom (\nselect 1 as a\n) as incoming",
    ]


def test_a_dimension_load_replaces_the_keys_of_the_select() -> None:
    operator = LoadDimensionOperator(task_id="load", table="dims", sql="select 1 as id", key="id")
    cursor = Described("id", "name")
    assert operator.replacement(cursor) == [
        "delete from dims using incoming where dims.id = incoming.id "
        "and dims.id >= (select min(id) from incoming) "
        "and dims.id <= (select max(id) from incoming)",
        "insert into dims (id, name) select id, name from incoming",
    ]
    assert cursor.created == ["create temp table incoming as\nselect 1 as id"]


def test_a_link_sets_all_columns_but_the_key() -> None:
    operator = LinkFactOperator(task_id="link", table="facts", sql="select 1 as id", key="id")
    assert operator.replacement(Described("id", "x", "y")) == [
        "update facts set x = incoming.x, y = incoming.y\n"
        "from (\nselect 1 as id\n) as incoming\nwhere facts.id = incoming.id"
    ]


@pytest.fixture
def times(warehouse: Warehouse) -> Warehouse:
    warehouse.client.execute("create table facts (name varchar(9), day integer)")
    warehouse.client.execute("insert into facts values ('old', 1), ('kept', 2)")
    return warehouse


def load(sql: str, **more: Any) -> Any:
    operator = LoadFactOperator(task_id="load", table="facts", sql=sql, window="day = 1", **more)
    return operator.execute({})


def test_rows_are_inserted_by_name_not_by_position(times: Warehouse) -> None:
    load("select 1 as day, 'new' as name")
    assert times.rows("select name, day from facts order by day") == [("new", 1), ("kept", 2)]


@pytest.mark.parametrize(
    "broken", [{"sql": "select 'far too long' as name, 1 as day"}, {"afterwards": ["select 1/0"]}]
)
def test_an_error_leaves_the_table_as_it_was_and_the_log_names_the_statement(
    times: Warehouse, broken: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Exception, match=r"too long|division by zero"):
        load(**{"sql": "select 'new' as name, 1 as day", **broken})
    assert times.rows("select name, day from facts order by day") == [("old", 1), ("kept", 2)]
    [failed] = [text for text in caplog.messages if text.startswith("This statement failed")]
    assert broken.get("sql", "select 1/0") in failed


def test_slices_of_other_tables_are_replaced_among_what_comes_afterwards(
    times: Warehouse,
) -> None:
    times.client.execute("create table days (facts bigint, day integer)")
    times.client.execute("insert into days values (9, 1), (9, 2)")
    counted = Slice("days", "day = 1", "select day, count(*) as facts from facts group by day")
    load(
        "select 'new' as name, 1 as day",
        afterwards=["delete from facts where day = 2", counted],
        figures="select name, day from facts",
    )
    assert times.rows("select day, facts from days order by day") == [(1, 1), (2, 9)]


def test_figures_are_returned(times: Warehouse) -> None:
    figures = load("select 'new' as name, 1 as day", figures="select name, day from facts")
    assert figures == {"new": 1, "kept": 2}


def test_what_comes_afterwards_is_in_the_same_transaction(times: Warehouse) -> None:
    load("select 'new' as name, 1 as day", afterwards=["delete from facts where day = 2"])
    assert times.rows("select name, day from facts") == [("new", 1)]


def test_every_column_that_a_load_selects_is_inserted(
    source: TestSource, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    selected: dict[str, set[str]] = {}
    inserted: dict[str, set[str]] = {}

    def compared(cursor: Any, table: str, select: str) -> str:
        columns = columns_to_insert(cursor, table, select)
        inserted[table] = set(columns.split(", "))
        selected[table] = set(columns_of(cursor, select).split(", "))
        return columns

    for module in (loading, load_dimension):
        monkeypatch.setattr(module, "columns_to_insert", compared)
    source.songs(song("SO1"))
    source.events(play("2018-11-15 10:00:00"))
    pipeline.run("2018-11-15", "2018-11-16")
    assert inserted == selected
    assert selected.keys() == set(sql_files("load")) - {"repaired_names", "user_agents"}
