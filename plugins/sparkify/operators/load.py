"""The base of all operators that load a table."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple, Self

from airflow.sdk import Context

from sparkify import dictionary
from sparkify.macros import sql_folder, statement
from sparkify.operators.warehouse import WarehouseOperator
from sparkify.staging.claims import Claim, newer_claims, outside
from sparkify.warehouse import POSTGRES, lock, session
from sparkify.window import Window

SHOWN_CLAIMS = 5

FEW_ROWS = 50
"""Rows that leave a table's statistics right enough, however small it is."""


class Slice(NamedTuple):
    """
    A slice of a table to replace with the rows of a SELECT.

    :param table: the table
    :param window: predicate of the slice
    :param sql: the SELECT
    """

    table: str
    window: str
    sql: str

    def replacement(self, cursor: Any) -> list[str]:
        """Delete the slice, insert the rows of the SELECT."""
        columns = columns_to_insert(cursor, self.table, self.sql)
        return [
            f"delete from {self.table} where {self.window}",
            f"insert into {self.table} ({columns})\n"
            f"select {columns}\nfrom (\n{self.sql}\n) as incoming",
        ]


def columns_to_insert(cursor: Any, table: str, select: str) -> str:
    """
    Return the columns of a table by which to insert a SELECT, by name instead of position.

    Of a table of ``sql/schema``, these are in its file. Of another, it takes a query to see them.
    """
    file = f"schema/{table}.sql"
    if (sql_folder() / file).exists():
        return ", ".join(column.name for column in dictionary.table(statement(file)).columns)
    return columns_of(cursor, select)


def columns_of(cursor: Any, select: str) -> str:
    """Return the columns of a SELECT."""
    cursor.execute(f"select * from ({select}) as incoming where false")
    return ", ".join(column[0] for column in cursor.description)


class LoadOperator(WarehouseOperator):
    """
    Replace a slice of a table with the rows of a SELECT, in one transaction.

    :param table: table to load
    :param sql: the SELECT, or the ``.sql`` file with it (templated)
    :param locks: tables whose writers take turns with this load; defaults to the loaded one
    :param at: column with a row's time, if the rows are staged events: what newer readings claim of
        the run's window is left out
    :param beforehand: statements, or files, that look at what is about to be replaced, in the same
        transaction (templated)
    :param afterwards: statements, files, or slices of other tables, that complete the load in the
        same transaction, such as deleting dimension rows that nothing refers to (templated)
    :param if_omitted: further statements, or files, in case rows were left out (templated)
    :param figures: SELECT of names and numbers about the load, or its ``.sql`` file; they are
        logged and returned (templated)
    :param staged_by: id of the task that counted the run's rows and rejects, which the events of
        the task's assets carry
    """

    template_fields: Sequence[str] = (
        "sql",
        "beforehand",
        "afterwards",
        "if_omitted",
        "figures",
        *WarehouseOperator.template_fields,
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "sql": "sql",
        "beforehand": "sql",
        "afterwards": "sql",
        "if_omitted": "sql",
        "figures": "sql",
    }

    def __init__(
        self,
        *,
        table: str,
        sql: str,
        locks: Sequence[str] = (),
        at: str = "",
        beforehand: Sequence[str] = (),
        afterwards: Sequence[str | Slice] = (),
        if_omitted: Sequence[str] = (),
        figures: str = "",
        staged_by: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.table = table
        self.sql = sql
        self.locks = list(locks) or [table]
        self.at = at
        self.beforehand = list(beforehand)
        self.afterwards = list(afterwards)
        self.if_omitted = list(if_omitted)
        self.figures = figures
        self.staged_by = staged_by

    def execute(self, context: Context) -> Any:
        """Replace the slice, except for what newer readings claim."""
        hook = self.get_db_hook()
        window = Window.of_run(context) if self.at else None
        with session(hook) as cursor:
            self.prepare(cursor, hook.conn_type)
            lock(cursor, hook.conn_type, *self.locks)
            left = newer_claims(cursor, context["run_id"], window) if window else []
            load = self.restrict_to(outside(left, self.at)) if left else self
            statements = list(load.statements(cursor))
            statements += self.if_omitted if left else []
            done = [load.execute_statement(cursor, statement) for statement in statements]
            self.log.info("%s", ", ".join(done))
            self.executed = load.executed
            if hook.conn_type == POSTGRES and self._has_outdated_statistics(cursor):
                # Autovacuum would do so within a minute; a check may take hours until then.
                cursor.execute(f"analyze {self.table}")
            self.complete(cursor, hook.conn_type)
            return self._result(cursor, left)

    def _has_outdated_statistics(self, cursor: Any) -> bool:
        """Whether a tenth of the table's rows, as far as the planner knows them, are new."""
        rows = max((one.rows or 0 for one in self.executed), default=0)
        if rows <= FEW_ROWS:
            return False
        cursor.execute("select reltuples from pg_class where oid = %s::regclass", (self.table,))
        [known] = cursor.fetchone()
        return bool(rows > 0.1 * known)

    def post_execute(self, context: Context, result: Any = None) -> None:  # noqa: ARG002 - Airflow's signature
        """Say in the event of each asset which run loaded what into which warehouse."""
        if not self.outlets:
            return
        window, location = Window.of_run(context), self.location()
        counts = context["ti"].xcom_pull(task_ids=self.staged_by) or {}
        for outlet in self.outlets:
            table = outlet.name.rpartition(".")[2]
            context["outlet_events"][outlet].extra |= {
                "run_id": context["run_id"],
                "window_start": window.start.isoformat(),
                "window_end": window.end.isoformat(),
                "rows": counts.get("rows"),
                "rejects": counts.get("rejects"),
                "table": f"{location.namespace}/{location.table(table)}",
            }

    def prepare(self, cursor: Any, on: str) -> None:
        """Do, in transactions of its own, what the load depends on."""

    def complete(self, cursor: Any, on: str) -> None:
        """Do, in the load's transaction, what statements alone cannot."""

    def statements(self, cursor: Any) -> Iterator[str]:
        """Yield the statements of the load, with those before and after it."""
        yield from self.beforehand
        yield from self.replacement(cursor)
        for step in self.afterwards:
            yield from step.replacement(cursor) if isinstance(step, Slice) else [step]

    def restrict_to(self, condition: str) -> Self:
        """Return a copy of this load for the rows that meet a condition."""
        load = copy.copy(self)
        load.sql = f"select * from (\n{self.sql}\n) as read_here\nwhere {condition}"
        return load

    def replacement(self, cursor: Any) -> list[str]:
        """Return the statements that replace the slice."""
        raise NotImplementedError

    def _result(self, cursor: Any, left: Sequence[Claim]) -> dict[str, Any] | None:
        """Log and return the figures and the claims of newer readings."""
        figures: dict[str, Any] = {}
        if self.figures:
            self.execute_statement(cursor, self.figures)
            figures |= cursor.fetchall()
            self.log.info("Figures: %s", figures)
        if not left:
            return figures or None
        claims = [str(claim) for claim in left]
        self.log.warning(
            "Left out, because newer readings of these files are loaded or being loaded: %s%s",
            ", ".join(claims[:SHOWN_CLAIMS]),
            f", and {len(claims) - SHOWN_CLAIMS} more" if len(claims) > SHOWN_CLAIMS else "",
        )
        return {**figures, "left": claims}
