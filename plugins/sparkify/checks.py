"""Checks of the warehouse: each is an SQL file that states what must hold and how to fix it."""

import math
import re
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from sparkify.warehouse import explain

EXAMPLES = 5

CHOICES = {
    "severity": ("error", "warn"),
    "scope": ("window", "table"),
    "returns": ("rows", "value"),
}
"""The values each key in the header of a check may take; the first is the default."""


@dataclass(frozen=True)
class Check:
    """
    An assertion: a SELECT under a header of comments that states what must hold.

    It returns the rows that violate the assertion or, with ``-- returns: value``, one row whose
    first column is a figure. The check fails above ``-- limit:``, which defaults to 0. Messages
    quote only the columns that ``-- quotes:`` names: files, hours, days and counts, since messages
    leave the warehouse.
    """

    name: str
    sql: str

    def __post_init__(self) -> None:
        """Reject an invalid header: such a check might otherwise pass."""
        if not self.description:
            raise self._error("does not begin with a comment that states what must hold")
        for key, choices in CHOICES.items():
            if self._head(key, choices[0]) not in choices:
                wanted = " or ".join(choices)
                raise self._error(f"has '{key}: {self._head(key)}'; it must be {wanted}")
        if not re.fullmatch(r"\d+(\.\d+)?", self._head("limit", "0")):
            raise self._error(f"has 'limit: {self._head('limit')}'; it must be a number")

    @property
    def description(self) -> str:
        """What must hold: the first line of the header."""
        found = re.match(r"\s*--\s*([^\s:][^\n]*)", self.sql)
        return found[1].strip() if found else ""

    @property
    def severity(self) -> str:
        """``error`` or ``warn``."""
        return self._head("severity", "error")

    @property
    def scope(self) -> str:
        """What it covers: the run's ``window`` or the whole ``table``."""
        return self._head("scope", "window")

    @property
    def limit(self) -> float:
        """The highest number of rows, or value, that passes."""
        return float(self._head("limit", "0"))

    @property
    def is_value(self) -> bool:
        """Whether the check returns a figure instead of rows."""
        return self._head("returns", "rows") == "value"

    @property
    def quotes(self) -> list[str]:
        """The columns whose values messages may contain."""
        return self._head("quotes").replace(",", " ").split()

    @property
    def advice(self) -> str:
        """What to do when it fails."""
        return self._head("fix")

    def _head(self, key: str, default: str = "") -> str:
        # Indented lines continue a value.
        found = re.search(rf"^--\s*{key}:\s*(.+(?:\n--   .+)*)", self.sql, re.MULTILINE)
        return " ".join(re.sub(r"\n--", " ", found[1]).split()) if found else default

    def _error(self, what: str) -> AirflowFailException:
        return AirflowFailException(f"The check {self.name} {what}. Fix the header of its file.")


@dataclass(frozen=True)
class Result:
    """
    The result of a check. A check without a value has failed.

    :param is_final: whether running the check again cannot change the result: the warehouse has
        answered, possibly with nothing, or rejects the query for good
    """

    check: Check
    value: float | None
    seconds: float
    examples: Sequence[str] = ()
    problem: str = "it returned no value"
    is_final: bool = True

    @property
    def failed(self) -> bool:
        """Whether the assertion is violated, or could not be tested."""
        # Negated so that NaN fails.
        return self.value is None or not self.value <= self.check.limit

    @property
    def is_error(self) -> bool:
        """Whether the run must fail."""
        return self.failed and self.check.severity == "error"

    def __str__(self) -> str:
        name, description = self.check.name, self.check.description
        if not self.failed:
            return f"passed: {name} ({description})"
        lines = [f"{name}: {self._finding()} ({description})"]
        lines += [f"    {example}" for example in self.examples]
        lines += [f"    What to do: {self.check.advice}"] if self.check.advice else []
        return "\n".join(lines)

    def _finding(self) -> str:
        if self.value is None:
            return f"this could not be checked: {self.problem}"
        limit = f", above the limit of {self.check.limit:g}" if self.check.limit else ""
        if self.check.is_value:
            return f"it is {self.value:.6g}{limit}"
        return f"{self.value:.0f} rows violate it{limit}"


SLOW_CHECK = 0.25
"""Seconds after which a check is slow, so that a second connection helps; rare for one hour."""


def run_checks(
    connection: Any, connect: Callable[[], Any], checks: Sequence[Check], at_once: int = 1
) -> list[Result]:
    """
    Run the checks and return the results in the same order.

    Connecting takes longer than a check of one hour, so one connection runs them all. Once a check
    has been slow, as over a year, a second connection shares the rest.

    :param connection: one that commits each statement, so that no check holds a lock for long
    :param at_once: how many checks to ask in one statement
    """
    # Both threads take checks from one iterator: next() is atomic, so none runs twice.
    pending = iter([checks[first : first + at_once] for first in range(0, len(checks), at_once)])
    results: dict[str, Result] = {}

    def run_pending(connection: Any, until_slower_than: float = math.inf) -> None:
        for group in pending:
            found = _run_group(connection, group)
            results.update({result.check.name: result for result in found})
            if max(result.seconds for result in found) > until_slower_than:
                break

    def run_on_second_connection() -> None:
        with closing(connect()) as second:
            second.autocommit = True
            run_pending(second)

    run_pending(connection, SLOW_CHECK)
    if len(results) < len(checks):
        with ThreadPoolExecutor(1) as executor:
            second = executor.submit(run_on_second_connection)
            run_pending(connection)
            second.result()
    return [results[check.name] for check in checks]


def _run_group(connection: Any, checks: Sequence[Check]) -> list[Result]:
    """Run checks in one statement, and those that may have failed again, each in its own."""
    began = time.monotonic()
    values = _values(connection, checks) if len(checks) > 1 else {}
    seconds = (time.monotonic() - began) / len(checks)
    results = [Result(check, values.get(check.name), seconds) for check in checks]
    return [run_check(connection, one.check) if one.failed else one for one in results]


def _values(connection: Any, checks: Sequence[Check]) -> dict[str, float | None]:
    """Return the value of each check, or nothing if one of them cannot be asked."""
    cursor = connection.cursor()
    try:
        cursor.execute("\nunion all\n".join(map(_value, checks)))
        values = dict(cursor.fetchall())
    except Exception:
        # The statement does not say which one it was: each is asked alone, and reports its error.
        connection.rollback()
        return {}
    return values


def _value(check: Check) -> str:
    """Return the SELECT of a check's name and value, which is null unless there is one."""
    value, columns = "count(*)", ""
    if check.is_value:
        value, columns = "case when count(*) = 1 then max(figure) end", " (figure)"
    return (
        f"select '{check.name}' as name, cast({value} as double precision) as value\n"
        f"from (\n{check.sql}\n) as found{columns}"
    )


def run_check(connection: Any, check: Check) -> Result:
    """Run a check. One that raises has failed; the others still run."""
    began = time.monotonic()
    try:
        value, examples = _measure(connection.cursor(), check)
    except Exception as error:
        # Raises too if the connection is lost; Airflow then retries the task.
        connection.rollback()
        seconds = time.monotonic() - began
        explained = explain(error)
        is_final = isinstance(explained, AirflowFailException)
        problem = f"the query failed: {explained}"
        return Result(check, None, seconds, problem=problem, is_final=is_final)
    return Result(check, value, time.monotonic() - began, examples)


def _measure(cursor: Any, check: Check) -> tuple[float | None, list[str]]:
    if check.is_value:
        cursor.execute(check.sql)
        rows = cursor.fetchall()
        if len(rows) != 1 or rows[0][0] is None:
            return None, []
        names = [column[0] for column in cursor.description]
        return float(rows[0][0]), _describe(check, names, rows)
    cursor.execute(f"select count(*) from (\n{check.sql}\n) as breaking")
    [[count]] = cursor.fetchall()
    if not (count and check.quotes):
        return float(count), []
    columns = ", ".join(check.quotes)
    cursor.execute(f"select {columns} from (\n{check.sql}\n) as breaking limit {EXAMPLES}")
    return float(count), _describe(check, check.quotes, cursor.fetchall())


def _describe(check: Check, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Describe each row by the columns that messages may quote."""
    found = [dict(zip(names, row, strict=True)) for row in rows] if check.quotes else []
    return [", ".join(f"{name} {row[name]}" for name in check.quotes) for row in found]
