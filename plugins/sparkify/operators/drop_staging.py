"""End a run: drop its staging tables and leftovers of dead runs, and log its summary."""

from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import Any, ClassVar

from airflow.sdk import Context

from sparkify.operators.warehouse import WarehouseOperator
from sparkify.runs.alerts import ChangedCheck, News, Repaired, announce
from sparkify.runs.metrics import send_figures
from sparkify.runs.steps import BOOKKEEPING
from sparkify.runs.summary import describe, read_figures
from sparkify.settings import DEAD_AFTER, keep_staging
from sparkify.staging.names import KEPT, existing_staging_tables, staging_table
from sparkify.warehouse import lock, session
from sparkify.window import Window, naive


class DropStagingOperator(WarehouseOperator):
    """
    Drop the run's staging tables, and those of runs that died before dropping theirs.

    Active runs keep their tables; a run without a recorded end counts as dead after 30 days. Failed
    runs keep theirs for ``sparkify_keep_staging_days``. The run's balance sheet is logged and
    returned as XCom, and people are notified of checks and failed hours that have changed.

    :param datasets: the tables that staging tables are modelled on
    :param changed_checks: SELECT of the checks whose result has changed, or its file (templated)
    :param repaired_runs: SELECT of the failed runs that this run makes good, or its file
        (templated)
    :param checked_by: ids of the tasks that return the run's warnings
    :param afterwards: statements, or files, that end the run in the same transaction (templated)
    :param daily: further ones for runs in whose window a day begins (templated)
    """

    template_fields: Sequence[str] = (
        "datasets",
        "changed_checks",
        "repaired_runs",
        "afterwards",
        "daily",
        *WarehouseOperator.template_fields,
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "changed_checks": "sql",
        "repaired_runs": "sql",
        "afterwards": "sql",
        "daily": "sql",
    }
    ui_color = "#e4e4e4"

    def __init__(
        self,
        *,
        datasets: Sequence[str],
        changed_checks: str,
        repaired_runs: str,
        checked_by: Sequence[str] = (),
        afterwards: Sequence[str] = (),
        daily: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.datasets = datasets
        self.changed_checks = changed_checks
        self.repaired_runs = repaired_runs
        self.checked_by = list(checked_by)
        self.afterwards = list(afterwards)
        self.daily = list(daily)
        self.news: News | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Drop this run's tables and leftovers; send and return the run's figures."""
        own = {staging_table(context["run_id"], dataset) for dataset in self.datasets}
        hook = self.get_db_hook()
        with session(hook) as cursor:
            # Also keeps others from starting to stage.
            lock(cursor, hook.conn_type, *BOOKKEEPING)
            views = existing_staging_tables(cursor, self.datasets)
            unwanted = own | self._leftovers(cursor, views.keys() - own)
            dropped = self._without_views(unwanted, views)
            if leftovers := dropped - own:
                self.log.info("Dropping leftovers of dead runs: %s", ", ".join(sorted(leftovers)))
            self.news = self._read_news(cursor)
            drop = [f"drop table if exists {', '.join(sorted(dropped))}"] if dropped else []
            expired = self.daily if Window.of_run(context).begins_day else []
            for statement in [*drop, *self.afterwards, *expired]:
                self.execute_statement(cursor, statement)
            figures = read_figures(cursor, context["run_id"])
        self.log.info("%s", describe(figures))
        send_figures(figures, context["dag_run"].run_type)
        return figures

    def post_execute(self, context: Context, result: Any = None) -> None:  # noqa: ARG002 - Airflow's signature
        """Notify people of what has changed, once it is committed."""
        if self.news:
            returned = context["ti"].xcom_pull(task_ids=self.checked_by) or []
            warnings = {name: text for found in returned if found for name, text in found.items()}
            announce(context, self.news, warnings)

    def _read_news(self, cursor: Any) -> News:
        """Read what has changed, before the run counts as ended."""
        self.execute_statement(cursor, self.changed_checks)
        changes = [ChangedCheck(*row) for row in cursor.fetchall()]
        self.execute_statement(cursor, self.repaired_runs)
        return News(changes, Repaired(*cursor.fetchone()))

    def _leftovers(self, cursor: Any, others: Set[str]) -> set[str]:
        """Return every staging table of others that no run needs."""
        # After these are listed, because a run begins a reading before it creates a table.
        in_use = self._in_use(cursor) if others else set()
        # A second table may hold a part of a staging table.
        return {table for table in others if table.removesuffix(KEPT) not in in_use}

    def _without_views(self, tables: set[str], views: Mapping[str, Set[str]]) -> set[str]:
        """Return the tables that no view depends on; warn of the others."""
        kept = {table for table in tables if views.get(table)}
        for table in sorted(kept):
            self.log.warning(
                "%s is kept, because views depend on it: %s. Drop these; the next run that ends "
                "then drops the table.",
                table,
                ", ".join(sorted(views[table])),
            )
        return tables - kept

    def _in_use(self, cursor: Any) -> set[str]:
        """Return the tables of active runs, and of those that failed recently."""
        now = naive(datetime.now(UTC))
        cursor.execute(
            "select readings.run_id from readings "
            "left join load_runs on readings.run_id = load_runs.run_id "
            "group by readings.run_id, load_runs.ended_at, load_runs.failed_at "
            # A run that was cleared since is active again.
            "having case "
            "when load_runs.ended_at >= max(readings.began_at) then false "
            "when load_runs.failed_at >= max(readings.began_at) then load_runs.failed_at > %s "
            "else max(readings.began_at) > %s end",
            (now - keep_staging(), now - DEAD_AFTER),
        )
        runs = [run_id for (run_id,) in cursor.fetchall()]
        return {staging_table(run_id, dataset) for run_id in runs for dataset in self.datasets}
