"""Redshift's log of its COPYs: the views SYS_LOAD_…, which also cover those that failed."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.sdk.exceptions import AirflowException

PATIENCE, FIRST_PAUSE, PAUSE = 60.0, 0.1, 2.0
"""Seconds to wait for the views to show a COPY that has ended, and between two queries at first and
at most."""

FAILED_PATIENCE = 10.0
"""Seconds to wait for the errors of a COPY that has failed; the task fails with or without them."""

LONGEST_NAME = 256
"""How many characters of a file's URL the views show."""


class LoadError(NamedTuple):
    """A record that COPY could not load; ``line`` is the last line of its object."""

    url: str
    line: int
    column: str | None
    message: str


@dataclass(frozen=True)
class Loads:
    """The results of the COPYs of one attempt, with URLs as truncated by the views."""

    lines: Counter[str] = field(default_factory=Counter)
    errors: Sequence[LoadError] = ()


def last_load(hook: DbApiHook, table: str) -> int:
    """Return the id of the last COPY into a table of this name, or 0."""
    row: Any = hook.get_first(
        "select coalesce(max(query_id), 0) from sys_load_history where trim(table_name) = %s",
        parameters=(table,),
    )
    return int(row[0])


def loads_since(
    hook: DbApiHook, table: str, earlier: int, copies: int, empty_files: int = 0
) -> Loads:
    """
    Wait until the views show this many COPYs into a table completely, and return their results.

    The history shows a COPY, and counts its files and errors, before their views show them. They
    may leave out empty files.
    """
    for is_last in _attempts():
        completed = [copy for copy in _copies(hook, table, earlier) if copy.is_completed]
        queries = [copy.query for copy in completed]
        files = list(_select(hook, queries, "file_name, lines_scanned", "sys_load_detail"))
        errors = errors_of(hook, queries)
        missing_files = sum(copy.files for copy in completed) - empty_files - len(files)
        missing_errors = sum(copy.errors for copy in completed) - len(errors)
        if len(completed) >= copies and missing_files <= 0 and missing_errors <= 0:
            break
        if is_last:
            raise AirflowException(
                f"Redshift's view sys_load_history shows {len(completed)} of {copies} COPYs into "
                f"{table}. Of these, sys_load_detail lacks {max(missing_files, 0)} files and "
                f"sys_load_error_detail {max(missing_errors, 0)} errors. Airflow retries the task."
            )
    lines: Counter[str] = Counter()
    for url, count in files:
        lines[url.strip()] += count
    return Loads(lines, errors)


def failed_load(hook: DbApiHook, table: str, earlier: int) -> Sequence[LoadError]:
    """Return the records that made a COPY fail, if any, as far as the views show them."""
    errors: Sequence[LoadError] = ()
    for is_last in _attempts(FAILED_PATIENCE):
        copies = _copies(hook, table, earlier)
        errors = errors_of(hook, [copy.query for copy in copies])
        if is_last or (
            copies
            and not any(copy.is_running for copy in copies)
            and len(errors) >= sum(copy.errors for copy in copies)
        ):
            break
    return errors


def _attempts(patience: float = PATIENCE) -> Iterator[bool]:
    """Pause ever longer between attempts; yield for each whether it is the last."""
    deadline = time.monotonic() + patience
    pause = FIRST_PAUSE
    while time.monotonic() < deadline:
        yield False
        time.sleep(pause)
        pause = min(2 * pause, PAUSE)
    yield True


def errors_of(hook: DbApiHook, queries: Sequence[int]) -> Sequence[LoadError]:
    """Return the records that these COPYs could not load."""
    columns = "file_name, line_number, column_name, error_code, error_message"
    return [
        LoadError(
            url.strip(), line, (column or "").strip() or None, f"{message.strip()} (error {code})"
        )
        for url, line, column, code, message in _select(
            hook, queries, columns, "sys_load_error_detail"
        )
    ]


class _Copy(NamedTuple):
    """A COPY in the history, with its numbers of files and errors."""

    query: int
    status: str
    files: int
    errors: int

    @property
    def is_completed(self) -> bool:
        return self.status == "completed"

    @property
    def is_running(self) -> bool:
        return self.status == "running"


def _copies(hook: DbApiHook, table: str, earlier: int) -> list[_Copy]:
    rows: Any = hook.get_records(
        "select query_id, status, source_file_count, error_count from sys_load_history "
        "where trim(table_name) = %s and query_id > %s",
        parameters=(table, earlier),
    )
    return [
        _Copy(int(query), status.strip(), int(files or 0), int(errors or 0))
        for query, status, files, errors in rows
    ]


def _select(hook: DbApiHook, queries: Sequence[int], columns: str, view: str) -> Any:
    if not queries:
        return []
    numbers = ", ".join(map(str, queries))
    return hook.get_records(f"select {columns} from {view} where query_id in ({numbers})")
