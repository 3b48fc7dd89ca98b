"""Tables, columns and views are described in the warehouse as in their SQL files."""

from typing import Any

import pytest
from airflow.sdk import DAG

from local.tools.pipeline import Pipeline
from tests.support.warehouse import Warehouse

COMMENT = "select obj_description('{}'::regclass, 'pg_class')"
UNDESCRIBED = """
select relname, attname from pg_class inner join pg_attribute on pg_class.oid = attrelid
where relnamespace = 'public'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
and coalesce(col_description(pg_class.oid, attnum), '') = ''
union all
select relname, '' from pg_class
where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')
and coalesce(obj_description(oid, 'pg_class'), '') = ''
"""


def describe(dags: dict[str, DAG]) -> Any:
    """Run the task and return how many comments it made."""
    schema = Pipeline(dags["sparkify_schema"])
    return schema.run_task("describe_tables", schema.context())


def one(warehouse: Warehouse, sql: str) -> Any:
    row = warehouse.client.execute(sql.encode()).fetchone()
    assert row
    return row[0]


@pytest.mark.parametrize("engine", ["warehouse", "redshift_warehouse"])
def test_every_table_column_and_view_is_described(
    engine: str, dags: dict[str, DAG], request: pytest.FixtureRequest
) -> None:
    warehouse: Warehouse = request.getfixturevalue(engine)
    assert one(warehouse, COMMENT.format("songplays")) is None

    describe(dags)

    assert warehouse.client.execute(UNDESCRIBED.encode()).fetchall() == []
    assert one(warehouse, COMMENT.format("time")) == "One row per distinct songplays.start_time."
    assert one(warehouse, COMMENT.format("most_played_songs")).startswith("The 50 most played")
    level = "select col_description('songplays'::regclass, 4)"
    assert one(warehouse, level) == "free or paid, at play time"


@pytest.mark.parametrize("engine", ["warehouse", "redshift_warehouse"])
def test_only_what_differs_is_said_again(
    engine: str, dags: dict[str, DAG], request: pytest.FixtureRequest
) -> None:
    warehouse: Warehouse = request.getfixturevalue(engine)
    assert describe(dags) > 200
    assert describe(dags) == 0
    warehouse.client.execute("comment on column users.level is 'gold'")
    warehouse.client.execute("comment on view totals is null")

    assert describe(dags) == 2

    assert warehouse.client.execute(UNDESCRIBED.encode()).fetchall() == []
