"""Makes views of questions."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.sdk import Context

from sparkify.operators.warehouse import WarehouseOperator
from sparkify.warehouse import POSTGRES


class CreateViewsOperator(WarehouseOperator):
    """
    Create views, or bring them up to date, in one transaction; each says what its data is as of.

    A view that stays the same keeps its grants, on PostgreSQL also one that gets more columns at
    its end. One whose columns change otherwise is dropped first, as the engine does not replace it.

    :param views: name to SELECT, or the ``.sql`` file holding it (templated)
    """

    template_fields: Sequence[str] = ("views", *WarehouseOperator.template_fields)
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"views": "py"}
    ui_color = "#d8ecc9"

    def __init__(self, *, views: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.views = views

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Create or replace them all."""
        hook = self.get_db_hook()
        statements = []
        for name, sql in self.views.items():
            # The time is looked up beside the rows: joined to them, it could disturb their order.
            select = (
                "select answers.*, (select data_as_of from data_as_of) as data_as_of\n"
                f"from (\n{sql}\n) as answers"
            )
            if self._is_of_another_form(hook, name, select):
                statements.append(f"drop view {name}")
            statements.append(f"create or replace view {name} as\n{select}")
        hook.run(statements)

    def _is_of_another_form(self, hook: DbApiHook, name: str, select: str) -> bool:
        found: Any = hook.get_first(
            # The view of the information schema fails on Redshift while tables are dropped.
            "select 1 from pg_views where schemaname = current_schema() and viewname = %s",
            parameters=(name,),
        )
        if not found:
            return False
        before = self._columns(hook, name)
        after = self._columns(hook, f"({select}) as answers")
        return (after[: len(before)] if hook.conn_type == POSTGRES else after) != before

    def _columns(self, hook: DbApiHook, rows: str) -> list[tuple[str, Any]]:
        columns: Any = hook.run(
            f"select * from {rows} where false",
            handler=lambda cursor: [(column[0], column[1]) for column in cursor.description],
        )
        return list(columns)
