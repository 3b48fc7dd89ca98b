"""Asks the warehouse whether it is right."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.providers.common.sql.operators.sql import BaseSQLOperator
from airflow.sdk import Context

from sparkify.settings import WAREHOUSE

EXAMPLES = 5


@dataclass(frozen=True)
class Check:
    """An assertion: a SELECT that returns the rows that break it, and its head of comments."""

    name: str
    sql: str

    @property
    def description(self) -> str:
        """What holds when the check passes: the first comment line."""
        return self._head(r"--\s*(.+)", "no description")

    @property
    def severity(self) -> str:
        """``error`` or ``warn``."""
        return self._head(r"--\s*severity:\s*(\w+)", "error")

    @property
    def advice(self) -> str:
        """What to do when it fails."""
        return self._head(r"--\s*mend:\s*(.+)", "")

    def _head(self, expression: str, default: str) -> str:
        found = re.search(rf"^{expression}$", self.sql, re.MULTILINE)
        return found[1].strip() if found else default


@dataclass(frozen=True)
class Result:
    """What one check found: how many rows break it, some of them, and the seconds it took."""

    check: Check
    count: int
    examples: Sequence[str]
    seconds: float

    @property
    def failed(self) -> bool:
        """Whether any row breaks the assertion."""
        return self.count > 0

    def __str__(self) -> str:
        if not self.failed:
            return f"passed: {self.check.name} ({self.check.description})"
        lines = [f"{self.check.name}: {self.count} rows break it ({self.check.description})"]
        lines += [f"    {example}" for example in self.examples]
        lines += [f"    What to do: {self.check.advice}"] if self.check.advice else []
        return "\n".join(lines)


def sql_files(searchpath: Path, folder: str) -> dict[str, str]:
    """The checks of a folder, by name: whoever adds a file there adds a check."""
    files = sorted((searchpath / folder).glob("*.sql"))
    return {file.stem: f"{folder}/{file.name}" for file in files}


class DataQualityOperator(BaseSQLOperator):
    """
    Run every check, record every result, then fail once with all failures.

    It does not retry: bad data gets no better by asking again.

    :param checks: name to SELECT, or ``.sql`` file, of the rows that break an assertion, headed by
        comments: what holds, ``severity: warn`` where it only warns, and ``mend:`` what to do
        (templated)
    """

    template_fields: Sequence[str] = ("checks", *BaseSQLOperator.template_fields)
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"checks": "py"}
    ui_color = "#f6cfd9"

    def __init__(
        self, *, checks: Mapping[str, str], conn_id: str = WAREHOUSE, **kwargs: Any
    ) -> None:
        super().__init__(conn_id=conn_id, retry_on_failure=False, **kwargs)
        self.checks = checks

    def execute(self, context: Context) -> None:
        """Run, record, and tell all failures in one sentence each."""
        if not self.checks:
            self._raise_exception(f"{self.task_id} has no checks: a gate that lets all through.")
        hook = self.get_db_hook()
        results = [self._run(hook, Check(name, sql)) for name, sql in self.checks.items()]
        self._record(hook, context["run_id"], results)
        for result in results:
            (self.log.warning if result.failed else self.log.info)("%s", result)
        failures = [result for result in results if result.failed]
        errors = [result for result in failures if result.check.severity != "warn"]
        if errors:
            told = "\n".join(str(result) for result in errors)
            self._raise_exception(f"{len(errors)} of {len(results)} checks failed.\n{told}")

    def _run(self, hook: DbApiHook, check: Check) -> Result:
        began = time.monotonic()
        row: Any = hook.get_first(f"select count(*) from (\n{check.sql}\n) as breaking")
        count = int(row[0])
        return Result(
            check, count, self._examples(hook, check) if count else [], time.monotonic() - began
        )

    def _examples(self, hook: DbApiHook, check: Check) -> list[str]:
        def described(cursor: Any) -> list[str]:
            names = [column[0] for column in cursor.description]
            return [
                ", ".join(f"{name} {value}" for name, value in zip(names, row, strict=True))
                for row in cursor.fetchall()
            ]

        query = f"select * from (\n{check.sql}\n) as breaking limit {EXAMPLES}"
        examples: Any = hook.run(query, handler=described)
        return list(examples)

    def _record(self, hook: DbApiHook, run_id: str, results: Sequence[Result]) -> None:
        now = datetime.now(UTC).replace(tzinfo=None)
        hook.insert_rows(
            table="quality_results",
            rows=[
                (
                    run_id,
                    self.task_id,
                    result.check.name,
                    result.check.severity,
                    result.count,
                    not result.failed,
                    result.seconds,
                    now,
                )
                for result in results
            ],
            target_fields=[
                "run_id",
                "task_id",
                "check_name",
                "severity",
                "breaking_rows",
                "passed",
                "seconds",
                "checked_at",
            ],
        )
