"""The base of all operators on the warehouse."""

from collections.abc import Sequence
from typing import Any

from airflow.providers.common.sql.operators.sql import BaseSQLOperator, SQLExecuteQueryOperator
from airflow.sdk import Context

from sparkify.lineage import Executed, Lineage, Location
from sparkify.operators.errors import VisibleErrorsMixin
from sparkify.operators.lineage import LineageMixin
from sparkify.settings import WAREHOUSE
from sparkify.warehouse import connected, connection_of, execute, first_words, warehouse_hook


class WarehouseOperator(VisibleErrorsMixin, LineageMixin, BaseSQLOperator):
    """
    The provider's operator on the warehouse, using TLS to reach another machine.

    :param conn_id: the warehouse; its type decides the engine (templated)
    """

    # Few, because every task renders them all and sends them to the server.
    template_fields: Sequence[str] = ("conn_id",)

    executed: Sequence[Executed] = ()
    """The statements of the task's own that have been executed."""

    def __init__(self, *, conn_id: str = WAREHOUSE, **kwargs: Any) -> None:
        super().__init__(conn_id=conn_id, **kwargs)

    @classmethod
    def get_hook(cls, conn_id: str, hook_params: dict[str, Any] | None = None) -> Any:
        """Return the hook for the connection's type."""
        return warehouse_hook(conn_id, hook_params)

    def execute_statement(self, cursor: Any, statement: str) -> str:
        """Execute a statement, remember it for the lineage, and return what was done."""
        done = execute(cursor, statement)
        counts = first_words(statement, 1) in ("insert", "update") and cursor.rowcount >= 0
        # A new sequence, because tests share an operator between runs by copying it.
        self.executed = [*self.executed, Executed(statement, cursor.rowcount if counts else None)]
        return done

    def location(self) -> Location:
        """Return where the warehouse is."""
        return Location.of(connection_of(self.get_db_hook()))

    def lineage(self) -> Lineage:
        """Return what the statements have read and written."""
        lineage = Lineage(self.location())
        lineage.add(*self.executed)
        return lineage


class ExecuteSQLOperator(WarehouseOperator, SQLExecuteQueryOperator):
    """The provider's operator for statements, on the warehouse."""

    template_fields: Sequence[str] = SQLExecuteQueryOperator.template_fields

    def execute(self, context: Context) -> Any:
        """Execute the statements, once it is clear that the warehouse can be reached."""
        with connected(self.get_db_hook()):
            pass  # The provider connects by itself, and does not explain why it cannot.
        return super().execute(context)

    def lineage(self) -> Lineage:
        """Return what the statements have read and written."""
        lineage = Lineage(self.location())
        texts = [self.sql] if isinstance(self.sql, str) else self.sql
        hook: Any = self.get_db_hook()
        for text in texts:
            lineage.add(*map(Executed, hook.split_sql_string(text)))
        return lineage
