"""Repair the names of songs and artists that were read in the wrong encoding."""

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow.sdk import Context

from sparkify.operators.warehouse import WarehouseOperator
from sparkify.runs.names import correct_names
from sparkify.warehouse import session


class RepairNamesOperator(WarehouseOperator):
    """
    Store the repairs of garbled names in ``repaired_names``, where loads look them up.

    :param sql: SELECT of the names that may be garbled, each with its entry or null, or its
        ``.sql`` file (templated)
    """

    template_fields: Sequence[str] = ("sql", *WarehouseOperator.template_fields)
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"sql": "sql"}
    ui_color = "#d8ecc9"

    def __init__(self, *, sql: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sql = sql

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Repair the names in Python, and insert those that are missing."""
        hook = self.get_db_hook()
        with session(hook) as cursor:
            names = correct_names(cursor, hook.conn_type, self.sql)
        if names:
            self.log.info("Repaired %s garbled names, such as %s", len(names), names[0])
