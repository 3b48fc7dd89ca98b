"""What every load of a table has in common."""

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow.sdk import Context

from sparkify.operators.warehouse import WarehouseOperator
from sparkify.warehouse import execute, lock, transaction


class LoadOperator(WarehouseOperator):
    """
    Replace a slice of a table with the rows of a SELECT, in one transaction.

    :param table: table to load
    :param sql: the SELECT, or the ``.sql`` file holding it (templated)
    :param mutex: table whose lock makes loads take turns: the loaded one, unless several tables are
        loaded in turn
    :param afterwards: statements, or files, that complete the load in the same transaction, such
        as removing dimension rows that nothing refers to any more (templated)
    """

    template_fields: Sequence[str] = ("sql", "afterwards", *WarehouseOperator.template_fields)
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"sql": "sql", "afterwards": "sql"}

    def __init__(
        self,
        *,
        table: str,
        sql: str,
        mutex: str = "",
        afterwards: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.table = table
        self.sql = sql
        self.mutex = mutex or table
        self.afterwards = list(afterwards)

    def execute(self, context: Context) -> Any:  # noqa: ARG002 - Airflow's signature
        """Replace the slice."""
        hook = self.get_db_hook()
        with transaction(hook) as cursor:
            self.prepare(cursor)
            # Nothing comes before the lock: Redshift's transaction sees what was there at its
            # first statement, and must not miss what another run then publishes.
            cursor.execute(lock(self.mutex, hook.conn_type))
            statements = [*self.replacement(self.columns(cursor)), *self.afterwards]
            self.log.info("%s", ", ".join(execute(cursor, statement) for statement in statements))
            return self.outcome(cursor)

    def prepare(self, cursor: Any) -> None:
        """What comes before, in a transaction of its own: here nothing."""

    def replacement(self, columns: str) -> list[str]:
        """The statements that take the slice out and put the SELECT's rows in."""
        raise NotImplementedError

    def columns(self, cursor: Any) -> str:
        """The SELECT's columns, so that rows are inserted by name and not by position."""
        cursor.execute(f"select * from ({self.sql}) as incoming where false")
        return ", ".join(column[0] for column in cursor.description)

    def outcome(self, cursor: Any) -> Any:
        """What the run's XCom has of the load, asked in the same transaction: here nothing."""
