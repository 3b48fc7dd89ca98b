"""Ends a run: drops what it staged, sweeps, and tells what came of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from airflow.sdk import Context

from sparkify.balance import balance, told
from sparkify.operators.warehouse import WarehouseOperator
from sparkify.settings import keep_staging
from sparkify.staging import staging_table
from sparkify.warehouse import execute, transaction


class DropStagingOperator(WarehouseOperator):
    """
    Drop the run's staging tables, and those of runs that ended without dropping theirs.

    A failed run keeps its tables for a look, ``sparkify_keep_staging_days`` long. The run's
    balance sheet is logged and returned, for its XCom.

    :param datasets: the tables that staging tables are made like
    :param afterwards: statements, or files, that end the run in the same transaction (templated)
    """

    template_fields: Sequence[str] = ("datasets", "afterwards", *WarehouseOperator.template_fields)
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"afterwards": "sql"}
    ui_color = "#e4e4e4"

    def __init__(
        self,
        *,
        datasets: Sequence[str],
        afterwards: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.datasets = datasets
        self.afterwards = list(afterwards)

    def execute(self, context: Context) -> dict[str, Any]:
        """Drop this run's tables, sweep, and tell what came of the run."""
        own = {staging_table(context["run_id"], dataset) for dataset in self.datasets}
        hook = self.get_db_hook()
        with transaction(hook) as cursor:
            leftovers = self._standing(cursor) - self._in_use(cursor) - own
            if leftovers:
                self.log.info("Sweeping what dead runs left: %s", ", ".join(sorted(leftovers)))
            cursor.execute("commit")
            drops = [f"drop table if exists {table}" for table in sorted(own | leftovers)]
            for statement in [*drops, *self.afterwards]:
                execute(cursor, statement)
            figures = balance(cursor, context["run_id"])
        self.log.info("%s", told(figures))
        return figures

    def _standing(self, cursor: Any) -> set[str]:
        """Every run's staging tables."""
        cursor.execute(
            "select table_name from information_schema.tables "
            "where table_name like 'staging%' and table_schema = current_schema()"
        )
        prefixes = tuple(f"{dataset}_" for dataset in self.datasets)
        return {name for (name,) in cursor.fetchall() if name.startswith(prefixes)}

    def _in_use(self, cursor: Any) -> set[str]:
        """The tables of runs that staged lately: they may still be at work, or be looked at."""
        cursor.execute(
            "select distinct run_id from file_ledger where read_at > %s",
            (datetime.now(UTC).replace(tzinfo=None) - keep_staging(),),
        )
        runs = [run_id for (run_id,) in cursor.fetchall()]
        return {staging_table(run_id, dataset) for run_id in runs for dataset in self.datasets}
