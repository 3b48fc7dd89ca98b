"""Repair the names of songs and artists that were read in the wrong encoding."""

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow.sdk import Context

from sparkify.mojibake import repair
from sparkify.operators.warehouse import WarehouseOperator
from sparkify.warehouse import commit, lock, session


class RepairNamesOperator(WarehouseOperator):
    """
    Store the repairs of garbled names in ``repaired_names``, where loads look them up.

    A repair depends on the name alone, so an entry is correct whichever run made it.

    :param sql: SELECT of the names that may be garbled, or its ``.sql`` file (templated)
    """

    template_fields: Sequence[str] = ("sql", *WarehouseOperator.template_fields)
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"sql": "sql"}
    ui_color = "#d8ecc9"

    def __init__(self, *, sql: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sql = sql

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Repair the names in Python, and replace their entries."""
        hook = self.get_db_hook()
        with session(hook) as cursor:
            cursor.execute(self.sql)
            names = [name for (name,) in cursor.fetchall()]
            garbled = [(name, text) for name in names if (text := repair(name)) != name]
            if not garbled:
                return
            # On Redshift a transaction sees the state at its first statement, so begin a new one to
            # see entries of other runs.
            commit(cursor)
            cursor.execute(lock("repaired_names", hook.conn_type))
            cursor.executemany(
                "delete from repaired_names where delivered = %s", [(name,) for name, _ in garbled]
            )
            cursor.executemany(
                "insert into repaired_names (delivered, repaired) values (%s, %s)", garbled
            )
        self.log.info("Repaired %s garbled names, such as %s", len(garbled), garbled[0][1])
