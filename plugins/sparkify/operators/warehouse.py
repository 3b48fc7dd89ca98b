"""What every operator on the warehouse has in common."""

from collections.abc import Sequence
from typing import Any

from airflow.providers.common.sql.operators.sql import BaseSQLOperator, SQLExecuteQueryOperator

from sparkify.operators.errors import VisibleErrorsMixin
from sparkify.settings import WAREHOUSE
from sparkify.warehouse import warehouse_hook


class WarehouseOperator(VisibleErrorsMixin, BaseSQLOperator):
    """
    The provider's operator, led to the warehouse; to another machine it speaks TLS.

    :param conn_id: the warehouse; its type decides the engine (templated)
    """

    # Each field is more for every task to render, and to send to the server.
    template_fields: Sequence[str] = ("conn_id",)

    def __init__(self, *, conn_id: str = WAREHOUSE, **kwargs: Any) -> None:
        super().__init__(conn_id=conn_id, **kwargs)

    @classmethod
    def get_hook(cls, conn_id: str, hook_params: dict[str, Any] | None = None) -> Any:
        """Return the hook that the connection's type names."""
        return warehouse_hook(conn_id, hook_params)


class ExecuteSQLOperator(WarehouseOperator, SQLExecuteQueryOperator):
    """The provider's operator that runs statements, led to the warehouse."""

    template_fields: Sequence[str] = SQLExecuteQueryOperator.template_fields
