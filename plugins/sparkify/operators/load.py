"""What every load of a table has in common."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple, Self

from airflow.sdk import Context

from sparkify.operators.warehouse import WarehouseOperator
from sparkify.staging.claims import Claim, claim, newer_claims, outside
from sparkify.warehouse import execute, lock, transaction
from sparkify.window import Window

SHOWN_CLAIMS = 5


class Slice(NamedTuple):
    """
    Rows of a table that are replaced by those of a SELECT.

    :param table: the table
    :param window: predicate of the rows
    :param sql: the SELECT
    """

    table: str
    window: str
    sql: str

    def replacement(self, cursor: Any) -> list[str]:
        """Delete the rows, insert the SELECT's."""
        return [
            f"delete from {self.table} where {self.window}",
            f"insert into {self.table} ({columns_of(cursor, self.sql)})\n{self.sql}",
        ]


def columns_of(cursor: Any, select: str) -> str:
    """The columns of a SELECT, so that rows are inserted by name and not by position."""
    cursor.execute(f"select * from ({select}) as incoming where false")
    return ", ".join(column[0] for column in cursor.description)


class LoadOperator(WarehouseOperator):
    """
    Replace a slice of a table with the rows of a SELECT, in one transaction.

    :param table: table to load
    :param sql: the SELECT, or the ``.sql`` file holding it (templated)
    :param mutex: table whose lock makes loads take turns: the loaded one, unless several tables are
        loaded in turn
    :param at: column of a row's time, where the rows are events that the run has staged: then the
        run claims its window, and leaves out what a newer reading claims of it
    :param also_locked: other tables that ``afterwards`` changes
    :param afterwards: statements, files, or slices of other tables, that complete the load in the
        same transaction, such as removing dimension rows that nothing refers to (templated)
    :param where_left: statements, or files, that follow them where something was left out
        (templated)
    :param figures: SELECT of names and numbers that tell what came of the load, or its ``.sql``
        file; they are logged and returned (templated)
    """

    template_fields: Sequence[str] = (
        "sql",
        "afterwards",
        "where_left",
        "figures",
        *WarehouseOperator.template_fields,
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "sql": "sql",
        "afterwards": "sql",
        "where_left": "sql",
        "figures": "sql",
    }

    def __init__(
        self,
        *,
        table: str,
        sql: str,
        mutex: str = "",
        at: str = "",
        also_locked: Sequence[str] = (),
        afterwards: Sequence[str | Slice] = (),
        where_left: Sequence[str] = (),
        figures: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.table = table
        self.sql = sql
        self.mutex = mutex or table
        self.at = at
        self.also_locked = list(also_locked)
        self.afterwards = list(afterwards)
        self.where_left = list(where_left)
        self.figures = figures

    def execute(self, context: Context) -> Any:
        """Replace the slice, or what newer readings leave of it."""
        hook = self.get_db_hook()
        window = Window.of_run(context) if self.at else None
        with transaction(hook) as cursor:
            reading = claim(hook, cursor, context["run_id"], window) if window else 0
            # Nothing comes before the lock: Redshift's transaction sees what was there at its
            # first statement, and must not miss what another run then publishes.
            cursor.execute(lock(", ".join([self.mutex, *self.also_locked]), hook.conn_type))
            left = newer_claims(cursor, reading, window) if window else []
            load = self.without(outside(left, self.at)) if left else self
            statements = list(load.statements(cursor))
            statements += self.where_left if left else []
            self.log.info("%s", ", ".join(execute(cursor, statement) for statement in statements))
            return self._result(cursor, left)

    def statements(self, cursor: Any) -> Iterator[str]:
        """The load, and what completes it."""
        yield from self.replacement(cursor)
        for step in self.afterwards:
            yield from step.replacement(cursor) if isinstance(step, Slice) else [step]

    def without(self, condition: str) -> Self:
        """This load of only those rows that fulfil a condition."""
        load = copy.copy(self)
        load.sql = f"select * from (\n{self.sql}\n) as read_here\nwhere {condition}"
        return load

    def replacement(self, cursor: Any) -> list[str]:
        """The statements that take the slice out and put the SELECT's rows in."""
        raise NotImplementedError

    def _result(self, cursor: Any, left: Sequence[Claim]) -> dict[str, Any] | None:
        """The figures, and what was left to which newer reading; both are logged."""
        figures: dict[str, Any] = {}
        if self.figures:
            cursor.execute(self.figures)
            figures |= cursor.fetchall()
            self.log.info("Figures: %s", figures)
        if not left:
            return figures or None
        told = [str(claim) for claim in left]
        self.log.warning(
            "Left out, as newer readings of its files are loaded or on their way: %s%s",
            ", ".join(told[:SHOWN_CLAIMS]),
            f", and {len(told) - SHOWN_CLAIMS} more" if len(told) > SHOWN_CLAIMS else "",
        )
        return {**figures, "left": told}
