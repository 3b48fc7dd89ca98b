"""Create views."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from airflow.sdk import Context

from sparkify.operators.warehouse import WarehouseOperator
from sparkify.warehouse import POSTGRES, session


class CreateViewsOperator(WarehouseOperator):
    """
    Create or update views in one transaction.

    A view that stays the same keeps its grants, and on PostgreSQL so does one that gains columns at
    its end. A view whose columns change otherwise is dropped first, because the engine cannot
    replace it.

    :param views: name to SELECT, or the ``.sql`` file holding it (templated)
    :param dated: whether to add a column ``data_as_of``
    :param dependents: views of this project that are based on these; they are dropped, to be
        created again afterwards, if one of these has to be
    """

    template_fields: Sequence[str] = ("views", *WarehouseOperator.template_fields)
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"views": "py"}
    ui_color = "#d8ecc9"

    def __init__(
        self,
        *,
        views: Mapping[str, str],
        dated: bool = False,
        dependents: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.views = views
        self.dated = dated
        self.dependents = list(dependents)

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Create or replace all views."""
        hook = self.get_db_hook()
        selects = {name: dated(sql) if self.dated else sql for name, sql in self.views.items()}
        with session(hook) as cursor:
            self.create(cursor, hook.conn_type, selects)

    def create(self, cursor: Any, on: str, selects: Mapping[str, str]) -> None:
        """Create or replace views in the current schema."""
        changed = [
            name for name, select in selects.items() if _changes_columns(cursor, on, name, select)
        ]
        for name in [*self.dependents, *changed] if changed else []:
            cursor.execute(f"drop view if exists {name}")
        for name, select in selects.items():
            self.execute_statement(cursor, f"create or replace view {name} as\n{select}")


def _changes_columns(cursor: Any, on: str, name: str, select: str) -> bool:
    """Whether the engine cannot replace the view, because its columns change."""
    cursor.execute(
        # On Redshift, a query of information_schema fails while a table is being dropped.
        "select 1 from pg_views where schemaname = current_schema() and viewname = %s",
        (name,),
    )
    if not cursor.fetchall():
        return False
    before = _columns(cursor, name)
    after = _columns(cursor, f"({select}) as answers")
    return (after[: len(before)] if on == POSTGRES else after) != before


def _columns(cursor: Any, rows: str) -> list[tuple[str, Any]]:
    cursor.execute(f"select * from {rows} where false")
    return [(column[0], column[1]) for column in cursor.description]


def dated(sql: str) -> str:
    """Add the column, as a scalar subquery, because a join could change the order of the rows."""
    return (
        "select answers.*, (select data_as_of from data_as_of) as data_as_of\n"
        f"from (\n{sql}\n) as answers"
    )
