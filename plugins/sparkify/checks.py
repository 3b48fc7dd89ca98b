"""A check: one question to the warehouse, in a file that says what holds and what to do if not."""

import math
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from sparkify.warehouse import explained

EXAMPLES = 5

CHOICES = {
    "severity": ("error", "warn"),
    "scope": ("window", "table"),
    "returns": ("rows", "value"),
}
"""What the head of a check may say, by key; the first is meant where it says nothing."""


@dataclass(frozen=True)
class Check:
    """
    An assertion: a SELECT, headed by comments that say what holds.

    It returns the rows that break the assertion or, headed ``-- returns: value``, one row whose
    first column is a figure. Above ``-- limit:``, 0 by default, the check has failed.
    """

    name: str
    sql: str

    def __post_init__(self) -> None:
        """Refuse what is no check, before it passes for one that found nothing."""
        if not self.description:
            raise self._error("does not begin with a comment that says what holds")
        for key, choices in CHOICES.items():
            if self._head(key, choices[0]) not in choices:
                wanted = " or ".join(choices)
                raise self._error(f"says '{key}: {self._head(key)}'; it must be {wanted}")
        if not re.fullmatch(r"\d+(\.\d+)?", self._head("limit", "0")):
            raise self._error(f"says 'limit: {self._head('limit')}'; it must be a number")

    @property
    def description(self) -> str:
        """What holds when the check passes: the first comment line."""
        found = re.match(r"\s*--\s*([^\s:][^\n]*)", self.sql)
        return found[1].strip() if found else ""

    @property
    def severity(self) -> str:
        """``error`` or ``warn``."""
        return self._head("severity", "error")

    @property
    def scope(self) -> str:
        """What it looks at: the run's ``window`` or the whole ``table``."""
        return self._head("scope", "window")

    @property
    def limit(self) -> float:
        """The most that is right: rows, or the value."""
        return float(self._head("limit", "0"))

    @property
    def is_value(self) -> bool:
        """Whether it returns a figure instead of rows."""
        return self._head("returns", "rows") == "value"

    @property
    def advice(self) -> str:
        """What to do when it fails."""
        return self._head("fix")

    def _head(self, key: str, default: str = "") -> str:
        # It goes on over the lines that are indented.
        found = re.search(rf"^--\s*{key}:\s*(.+(?:\n--   .+)*)", self.sql, re.MULTILINE)
        return " ".join(re.sub(r"\n--", " ", found[1]).split()) if found else default

    def _error(self, what: str) -> AirflowFailException:
        return AirflowFailException(f"The check {self.name} {what}. Mend its file in sql/quality.")


@dataclass(frozen=True)
class Result:
    """
    What a check found; without a value it found nothing out, which is no pass.

    :param was_asked: whether asking again is of no use: the warehouse took the question, if only to
        answer with nothing, or refuses it for good
    """

    check: Check
    value: float | None
    seconds: float
    examples: Sequence[str] = ()
    trouble: str = "it returned no value"
    was_asked: bool = True

    @property
    def failed(self) -> bool:
        """Whether the assertion is broken, or could not be tested."""
        # Put so that what is no number is no pass.
        return self.value is None or not self.value <= self.check.limit

    @property
    def is_error(self) -> bool:
        """Whether the run must stop."""
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
            return f"this cannot be told, {self.trouble}"
        limit = f", and {self.check.limit:g} is the limit" if self.check.limit else ""
        if self.check.is_value:
            return f"it is {self.value:.6g}{limit}"
        return f"{self.value:.0f} rows break it{limit}"


PATIENCE = 0.25
"""Seconds of one check after which the others are shared: hardly one of an hour takes as long."""


def ask_all(connection: Any, connect: Callable[[], Any], checks: Sequence[Check]) -> list[Result]:
    """
    Put checks to the warehouse; the results are in their order.

    A connection costs more than a check of an hour, so there is one for all. Once one of
    them has taken its time, as those of a year do, a second one shares the rest.
    """
    # Shared: the next check is taken in a single step, so no two threads take the same.
    waiting = iter(checks)
    results: dict[str, Result] = {}

    def ask_waiting(connection: Any, patience: float = math.inf) -> None:
        for check in waiting:
            results[check.name] = ask(connection, check)
            if results[check.name].seconds > patience:
                break

    def help_out() -> None:
        with closing(connect()) as second:
            ask_waiting(second)

    ask_waiting(connection, PATIENCE)
    if len(results) < len(checks):
        with ThreadPoolExecutor(1) as helper:
            helping = helper.submit(help_out)
            ask_waiting(connection)
            helping.result()
    return [results[check.name] for check in checks]


def ask(connection: Any, check: Check) -> Result:
    """Put a check to the warehouse; one that cannot be asked has failed, and hides no other."""
    began = time.monotonic()
    try:
        value, examples = _measure(connection.cursor(), check)
        # It lets go of what it has read: on Redshift whoever writes waits for that.
        connection.commit()
    except Exception as error:
        # Where it is the connection that failed, this raises too, and the task is tried again.
        connection.rollback()
        seconds = time.monotonic() - began
        sentence = explained(error)
        trouble = f"asking failed: {sentence}"
        return Result(check, None, seconds, trouble=trouble, was_asked=sentence is not error)
    return Result(check, value, time.monotonic() - began, examples)


def _measure(cursor: Any, check: Check) -> tuple[float | None, list[str]]:
    if check.is_value:
        cursor.execute(check.sql)
        rows = cursor.fetchall()
        if len(rows) != 1 or rows[0][0] is None:
            return None, []
        return float(rows[0][0]), [_described(cursor, rows[0])]
    cursor.execute(f"select count(*) from (\n{check.sql}\n) as breaking")
    [[count]] = cursor.fetchall()
    if not count:
        return 0.0, []
    cursor.execute(f"select * from (\n{check.sql}\n) as breaking limit {EXAMPLES}")
    return float(count), [_described(cursor, row) for row in cursor.fetchall()]


def _described(cursor: Any, row: Sequence[Any]) -> str:
    names = [column[0] for column in cursor.description]
    return ", ".join(f"{name} {value}" for name, value in zip(names, row, strict=True))
