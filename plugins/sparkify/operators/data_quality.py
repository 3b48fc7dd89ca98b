"""Check the data in the warehouse."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException

from sparkify.checks import Check, Result, run_checks
from sparkify.lineage import Lineage
from sparkify.operators.warehouse import WarehouseOperator
from sparkify.runs.metrics import send_failed_checks
from sparkify.runs.steps import BOOKKEEPING
from sparkify.warehouse import POSTGRES, autocommit, connected, lock
from sparkify.window import Window, naive

RESULTS = (
    "run_id, task_id, window_start, window_end, check_name, severity, scope, value, limit_value, "
    "passed, seconds, checked_at"
)

CHECKS_AT_ONCE = 20
"""Checks of one statement on Redshift, where each statement takes a fraction of a second."""


class DataQualityOperator(WarehouseOperator):
    """
    Run every check, record every result, then fail once with all failures.

    It does not retry, since that does not improve bad data, unless all failures are checks that
    could not run, because of a deadlock or a lost connection.

    :param checks: name to SELECT, or ``.sql`` file, of an assertion with a header as described in
        ``sparkify.checks`` (templated)
    :param recorded: statements, or files, that are executed with the record of the results, whether
        checks failed or not (templated)
    :param afterwards: further ones in case no check failed (templated)
    """

    template_fields: Sequence[str] = (
        "checks",
        "recorded",
        "afterwards",
        *WarehouseOperator.template_fields,
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "checks": "py",
        "recorded": "sql",
        "afterwards": "sql",
    }
    ui_color = "#f6cfd9"

    def __init__(
        self,
        *,
        checks: Mapping[str, str],
        recorded: Sequence[str] = (),
        afterwards: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(retry_on_failure=False, **kwargs)
        self.checks = checks
        self.recorded = list(recorded)
        self.afterwards = list(afterwards)
        self.results: Sequence[Result] = ()

    def lineage(self) -> Lineage:
        """Return the results by the tables that the checks read."""
        lineage = super().lineage()
        for result in self.results:
            check = result.check
            lineage.check(check.sql, check.name, check.severity, passed=not result.failed)
        if self.results:
            lineage.write_table("quality_results", len(self.results))
        return lineage

    def execute(self, context: Context) -> dict[str, str] | None:
        """Run the checks, record the results, and fail with all failures; return the warnings."""
        if not self.checks:
            self._raise_exception(f"{self.task_id} has no checks, so it would pass anything.")
        checks = [Check(name, sql) for name, sql in self.checks.items()]
        hook = self.get_db_hook()
        with connected(hook) as connection:
            cursor = connection.cursor()
            at_once = 1 if hook.conn_type == POSTGRES else CHECKS_AT_ONCE
            with autocommit(cursor):
                results = run_checks(connection, hook.get_conn, checks, at_once)
            self.results = results
            lock(cursor, hook.conn_type, *BOOKKEEPING)
            self._record(cursor, context, results)
            passed = not any(result.is_error for result in results)
            for statement in [*self.recorded, *(self.afterwards if passed else [])]:
                self.execute_statement(cursor, statement)
        self._report(results)
        return {result.check.name: str(result) for result in results if result.failed} or None

    def _record(self, cursor: Any, context: Context, results: Sequence[Result]) -> None:
        window = Window.of_run(context)
        run = (context["run_id"], self.task_id, naive(window.start), naive(window.end))
        rows = [
            (
                *run,
                result.check.name,
                result.check.severity,
                result.check.scope,
                result.value,
                result.check.limit,
                not result.failed,
                result.seconds,
                naive(datetime.now(UTC)),
            )
            for result in results
        ]
        row = f"({', '.join(['%s'] * len(rows[0]))})"
        cursor.execute(
            f"insert into quality_results ({RESULTS}) values {', '.join([row] * len(rows))}",
            [value for row in rows for value in row],
        )

    def _report(self, results: Sequence[Result]) -> None:
        for result in results:
            if result.failed:
                # The rows stay in the warehouse.
                self.log.warning("%s\nThe query of the rows:\n%s", result, result.check.sql)
        passed = [result.check.name for result in results if not result.failed]
        self.log.info("%s of %s checks passed: %s", len(passed), len(results), ", ".join(passed))
        send_failed_checks([result.check.severity for result in results if result.failed])
        errors = [result for result in results if result.is_error]
        if errors:
            failures = "\n".join(map(str, errors))
            message = f"{len(errors)} of {len(results)} checks failed.\n{failures}"
            if any(result.is_final for result in errors):
                self._raise_exception(message)
            raise AirflowException(message)
