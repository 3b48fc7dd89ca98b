"""Asks the warehouse whether it is right."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException

from sparkify.checks import Check, Result, run_checks
from sparkify.operators.warehouse import WarehouseOperator
from sparkify.warehouse import connected, execute
from sparkify.window import Window, naive

RESULTS = (
    "run_id, task_id, window_start, window_end, check_name, severity, scope, value, limit_value, "
    "passed, seconds, checked_at"
)


class DataQualityOperator(WarehouseOperator):
    """
    Run every check, record every result, then fail once with all failures.

    It does not retry, as bad data gets no better by asking again. Only where nothing else is wrong
    than that a question could not be put, by a deadlock or a lost connection, it is put again.

    :param checks: name to SELECT, or ``.sql`` file, of an assertion; what its head may say is told
        in ``sparkify.checks`` (templated)
    :param beforehand: statements, or files, that write down what the checks look at (templated)
    """

    template_fields: Sequence[str] = ("checks", "beforehand", *WarehouseOperator.template_fields)
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"checks": "py", "beforehand": "sql"}
    ui_color = "#f6cfd9"

    def __init__(
        self,
        *,
        checks: Mapping[str, str],
        beforehand: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(retry_on_failure=False, **kwargs)
        self.checks = checks
        self.beforehand = list(beforehand)

    def execute(self, context: Context) -> None:
        """Run, record, and tell all failures in one sentence each."""
        if not self.checks:
            self._raise_exception(f"{self.task_id} has no checks: a gate that lets all through.")
        checks = [Check(name, sql) for name, sql in self.checks.items()]
        hook = self.get_db_hook()
        with connected(hook) as connection:
            cursor = connection.cursor()
            for statement in self.beforehand:
                execute(cursor, statement)
            connection.commit()
            results = run_checks(connection, hook.get_conn, checks)
            self._record(cursor, context, results)
        self._tell(results)

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

    def _tell(self, results: Sequence[Result]) -> None:
        for result in results:
            if result.failed:
                self.log.warning("%s", result)
        passed = [result.check.name for result in results if not result.failed]
        self.log.info("%s of %s checks passed: %s", len(passed), len(results), ", ".join(passed))
        errors = [result for result in results if result.is_error]
        if errors:
            told = "\n".join(str(result) for result in errors)
            told = f"{len(errors)} of {len(results)} checks failed.\n{told}"
            if any(result.is_final for result in errors):
                self._raise_exception(told)
            raise AirflowException(told)
