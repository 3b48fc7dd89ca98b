"""Redshift's log of its COPYs: the views SYS_LOAD_…, which also cover those that failed."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from airflow.sdk.exceptions import AirflowException

from sparkify.warehouse import commit

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


def last_load(cursor: Any, table: str) -> int:
    """Return the id of the last COPY into a table of this name, or 0."""
    cursor.execute(
        "select coalesce(max(query_id), 0) from sys_load_history where trim(table_name) = %s",
        (table,),
    )
    [number] = cursor.fetchone()
    return int(number)


def loads_since(cursor: Any, table: str, earlier: int, copies: int, empty_files: int = 0) -> Loads:
    """
    Wait until the views show this many COPYs into a table completely, and return their results.

    The history shows a COPY, and counts its files and errors, before their views show them. They
    may leave out empty files.
    """
    for is_last in _attempts():
        completed = [copy for copy in _copies(cursor, table, earlier) if copy.is_completed]
        missing_files = sum(copy.files - copy.files_shown for copy in completed) - empty_files
        missing_errors = sum(copy.errors - copy.errors_shown for copy in completed)
        if len(completed) >= copies and missing_files <= 0 and missing_errors <= 0:
            break
        if is_last:
            raise AirflowException(
                f"Redshift's view sys_load_history shows {len(completed)} of {copies} COPYs into "
                f"{table}. Of these, sys_load_detail lacks {max(missing_files, 0)} files and "
                f"sys_load_error_detail {max(missing_errors, 0)} errors. Airflow retries the task."
            )
    queries = [copy.query for copy in completed]
    lines: Counter[str] = Counter()
    for url, count in _select(cursor, queries, "file_name, lines_scanned", "sys_load_detail"):
        lines[url.strip()] += count
    has_errors = any(copy.errors for copy in completed)
    return Loads(lines, _errors(cursor, queries) if has_errors else ())


def failed_load(cursor: Any, table: str, earlier: int) -> Sequence[LoadError]:
    """Return the records that made a COPY fail, if any, as far as the views show them."""
    for is_last in _attempts(FAILED_PATIENCE):
        copies = _copies(cursor, table, earlier)
        is_shown = copies and all(
            not copy.is_running and copy.errors_shown >= copy.errors for copy in copies
        )
        if is_shown or is_last:
            break
    return _errors(cursor, [copy.query for copy in copies])


def _attempts(patience: float = PATIENCE) -> Iterator[bool]:
    """Pause ever longer between attempts; yield for each whether it is the last."""
    deadline = time.monotonic() + patience
    pause = FIRST_PAUSE
    while time.monotonic() < deadline:
        yield False
        time.sleep(pause)
        pause = min(2 * pause, PAUSE)
    yield True


class _Copy(NamedTuple):
    """A COPY in the history, with its numbers of files and errors, and how many are shown."""

    query: int
    status: str
    files: int
    errors: int
    files_shown: int
    errors_shown: int

    @property
    def is_completed(self) -> bool:
        return self.status == "completed"

    @property
    def is_running(self) -> bool:
        return self.status == "running"


def _copies(cursor: Any, table: str, earlier: int) -> list[_Copy]:
    cursor.execute(
        "select copies.query_id, copies.status, copies.source_file_count, copies.error_count, "
        "files.shown, errors.shown from sys_load_history as copies "
        "left join (select query_id, count(*) as shown from sys_load_detail "
        "where query_id > %s group by query_id) as files on copies.query_id = files.query_id "
        "left join (select query_id, count(*) as shown from sys_load_error_detail "
        "where query_id > %s group by query_id) as errors on copies.query_id = errors.query_id "
        "where trim(copies.table_name) = %s and copies.query_id > %s",
        (earlier, earlier, table, earlier),
    )
    rows = cursor.fetchall()
    # The next query sees what the views show by then.
    commit(cursor)
    return [
        _Copy(int(query), status.strip(), *(int(number or 0) for number in numbers))
        for query, status, *numbers in rows
    ]


def _errors(cursor: Any, queries: Sequence[int]) -> Sequence[LoadError]:
    """Return the records that these COPYs could not load."""
    columns = "file_name, line_number, column_name, error_code, error_message"
    return [
        LoadError(
            url.strip(), line, (column or "").strip() or None, f"{message.strip()} (error {code})"
        )
        for url, line, column, code, message in _select(
            cursor, queries, columns, "sys_load_error_detail"
        )
    ]


def _select(cursor: Any, queries: Sequence[int], columns: str, view: str) -> Any:
    if not queries:
        return []
    numbers = ", ".join(map(str, queries))
    cursor.execute(f"select {columns} from {view} where query_id in ({numbers})")
    return cursor.fetchall()
