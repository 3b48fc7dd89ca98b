"""What later runs have changed of numbers that were there before, and why."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, NamedTuple

from airflow.providers.common.sql.hooks.sql import DbApiHook

from sparkify.macros import statement
from sparkify.window import Window


class Change(NamedTuple):
    """A change of one day's rows in one table, as in the view ``changed_numbers``."""

    day: date
    table: str
    rows_before: int
    rows_after: int
    added: int
    removed: int
    changed: int
    affected: int
    users_before: int
    users_after: int
    files_changed: int
    changed_file: str | None
    run_id: str
    changed_at: datetime

    def __str__(self) -> str:
        users = ""
        if self.users_before or self.users_after:
            users = f"; {_then_now(self.users_before, self.users_after, 'user')}"
        return (
            f"{self.day}  {self.table}: {_then_now(self.rows_before, self.rows_after, 'row')}: "
            f"{self.added:,} added, {self.removed:,} removed, {self.changed:,} changed{users}\n"
            f"            {self.changed_at:%Y-%m-%d %H:%M} UTC, {self.run_id}: {self.cause}"
        )

    @property
    def cause(self) -> str:
        """Why the rows changed, as far as it is recorded."""
        if self.changed_file:
            others = self.files_changed - 1
            more = f", and {others} more files" if others else ""
            return f"changed or late: {self.changed_file}{more}"
        if self.table == "song_days":
            return "names were repaired; the plays are the same"
        return "the files are the same: users were forgotten, or damage was undone"


def changes(hook: DbApiHook, hours: Window | None) -> list[Change]:
    """Return the changes of the days of a range, or all, the latest first."""
    rows: Any = hook.get_records(statement("questions/changed_numbers.sql", hours))
    return [Change(*row) for row in rows]


def describe(found: list[Change]) -> Iterator[str]:
    """Yield a paragraph per change, and what to think of them."""
    if not found:
        yield "No run has changed what was loaded before."
        return
    yield from map(str, found)


def _then_now(before: int, after: int, what: str) -> str:
    counted = f"{before:,} {what}" + ("s" if before != 1 else "")
    return counted if before == after else f"{counted}, now {after:,}"
