"""The base of all operators on the warehouse."""

from collections.abc import Sequence
from typing import Any

from airflow.providers.common.sql.operators.sql import BaseSQLOperator, SQLExecuteQueryOperator

from sparkify.operators.errors import VisibleErrorsMixin
from sparkify.settings import WAREHOUSE
from sparkify.warehouse import warehouse_hook


class WarehouseOperator(VisibleErrorsMixin, BaseSQLOperator):
    """
    The provider's operator on the warehouse, using TLS to reach another machine.

    :param conn_id: the warehouse; its type decides the engine (templated)
    """

    # Few, because every task renders them all and sends them to the server.
    template_fields: Sequence[str] = ("conn_id",)

    def __init__(self, *, conn_id: str = WAREHOUSE, **kwargs: Any) -> None:
        super().__init__(conn_id=conn_id, **kwargs)

    @classmethod
    def get_hook(cls, conn_id: str, hook_params: dict[str, Any] | None = None) -> Any:
        """Return the hook for the connection's type."""
        return warehouse_hook(conn_id, hook_params)


class ExecuteSQLOperator(WarehouseOperator, SQLExecuteQueryOperator):
    """The provider's operator for statements, on the warehouse."""

    template_fields: Sequence[str] = SQLExecuteQueryOperator.template_fields
