"""Ends a run: drops what it staged, sweeps, and tells what came of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from airflow.sdk import Context

from sparkify.balance import balance, told
from sparkify.operators.warehouse import WarehouseOperator
from sparkify.settings import keep_staging
from sparkify.staging import staging_table


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
        leftovers = self._standing() - self._in_use() - own
        if leftovers:
            self.log.info("Sweeping what dead runs left: %s", ", ".join(sorted(leftovers)))
        drops = [f"drop table if exists {table}" for table in sorted(own | leftovers)]
        self.get_db_hook().run([*drops, *self.afterwards])
        figures = balance(self.get_db_hook(), context["run_id"])
        self.log.info("%s", told(figures))
        return figures

    def _standing(self) -> set[str]:
        """Every run's staging tables."""
        rows: Any = self.get_db_hook().get_records(
            "select table_name from information_schema.tables "
            "where table_name like 'staging%' and table_schema = current_schema()"
        )
        prefixes = tuple(f"{dataset}_" for dataset in self.datasets)
        return {name for (name,) in rows if name.startswith(prefixes)}

    def _in_use(self) -> set[str]:
        """The tables of runs that staged lately: they may still be at work, or be looked at."""
        rows: Any = self.get_db_hook().get_records(
            "select distinct run_id from file_ledger where read_at > %s",
            parameters=(datetime.now(UTC).replace(tzinfo=None) - keep_staging(),),
        )
        return {staging_table(run_id, dataset) for (run_id,) in rows for dataset in self.datasets}
