"""Migrate the tables of an earlier version."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from sparkify.operators.warehouse import WarehouseOperator
from sparkify.warehouse import commit, session
from sparkify.window import naive

UNRECORDED = {"0001_readings", "0002_distribution"}
"""What tables have that were created with ``write_mutex``, before migrations were recorded."""


class MigrateTablesOperator(WarehouseOperator):
    """
    Apply the migrations that the warehouse's tables lack, each in one transaction.

    A warehouse without tables has nothing to migrate: they are about to be created as of now.

    :param migrations: name to statements, or the ``.sql`` file holding them, applied in the order
        of the names (templated)
    :param record: statement, or the ``.sql`` file holding it, that creates the table of applied
        migrations if there is none (templated)
    """

    template_fields: Sequence[str] = ("migrations", "record", *WarehouseOperator.template_fields)
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"migrations": "py", "record": "sql"}
    ui_color = "#d8ecc9"

    def __init__(self, *, migrations: Mapping[str, str], record: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.migrations = migrations
        self.record = record

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Apply the migrations in order."""
        hook = self.get_db_hook()
        with session(hook) as cursor:
            has_tables = _has_table(cursor, "songplays")
            needless = UNRECORDED if _has_table(cursor, "write_mutex") else set()
            self.execute_statement(cursor, self.record)
            cursor.execute("select migration from schema_migrations")
            applied = {name for [name] in cursor.fetchall()}
            if unknown := sorted(applied.difference(self.migrations)):
                raise AirflowFailException(
                    f"A newer version of this project has migrated the warehouse: {unknown[-1]} is "
                    "unknown to this one. Deploy that version or a later one. Nothing was changed."
                )
            for name in sorted(set(self.migrations) - applied):
                is_needed = has_tables and name not in needless
                for statement in hook.split_sql_string(self.migrations[name]) if is_needed else ():
                    self.execute_statement(cursor, statement)
                cursor.execute(
                    "insert into schema_migrations (migration, applied_at) values (%s, %s)",
                    (name, naive(datetime.now(UTC))),
                )
                commit(cursor)
                if is_needed:
                    self.log.info("Migrated: %s", name)


def _has_table(cursor: Any, table: str) -> bool:
    cursor.execute(
        # On Redshift, a query of information_schema fails while a table is being dropped.
        "select 1 from pg_tables where schemaname = current_schema() and tablename = %s",
        (table,),
    )
    return bool(cursor.fetchall())
