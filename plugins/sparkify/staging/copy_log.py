"""Redshift's log of its COPYs: the views SYS_LOAD_…, which also cover those that failed."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from airflow.sdk.exceptions import AirflowException

from sparkify.warehouse import autocommit

PATIENCE, FIRST_PAUSE, PAUSE = 60.0, 0.5, 2.0
"""Seconds to wait for the views to show a COPY that has ended, and before a query at first and at
most."""

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
    for is_last in _attempts(PATIENCE):
        found = _copies(cursor, table, earlier)
        completed = {query: copy for query, copy in found.items() if copy.is_completed}
        copied = completed.values()
        missing_files = sum(copy.files - len(copy.lines) for copy in copied) - empty_files
        missing_errors = sum(copy.errors - copy.errors_shown for copy in copied)
        if len(completed) >= copies and missing_files <= 0 and missing_errors <= 0:
            break
        if is_last:
            raise AirflowException(
                f"Redshift's view sys_load_history shows {len(completed)} of {copies} COPYs into "
                f"{table}. Of these, sys_load_detail lacks {max(missing_files, 0)} files and "
                f"sys_load_error_detail {max(missing_errors, 0)} errors. Airflow retries the task."
            )
    lines: Counter[str] = Counter()
    for url, count in (line for copy in copied for line in copy.lines):
        lines[url] += count
    has_errors = any(copy.errors for copy in copied)
    return Loads(lines, _errors(cursor, completed) if has_errors else ())


def failed_load(cursor: Any, table: str, earlier: int) -> Sequence[LoadError]:
    """Return the records that made a COPY fail, if any, as far as the views show them."""
    for is_last in _attempts(FAILED_PATIENCE):
        copies = _copies(cursor, table, earlier)
        is_shown = copies and all(
            not copy.is_running and copy.errors_shown >= copy.errors for copy in copies.values()
        )
        if is_shown or is_last:
            break
    return _errors(cursor, copies)


def _attempts(patience: float) -> Iterator[bool]:
    """Pause before each attempt, ever longer; yield whether it is the last."""
    deadline = time.monotonic() + patience
    pause, is_last = FIRST_PAUSE, False
    while not is_last:
        time.sleep(pause)
        is_last = time.monotonic() >= deadline
        yield is_last
        pause = min(2 * pause, PAUSE)


class _Copy(NamedTuple):
    """
    A COPY in the history, with its numbers of files and errors, and what is shown of them.

    :param lines: URL and lines of each file that is shown
    """

    status: str
    files: int
    errors: int
    errors_shown: int
    lines: list[tuple[str, int]]

    @property
    def is_completed(self) -> bool:
        return self.status == "completed"

    @property
    def is_running(self) -> bool:
        return self.status == "running"


def _copies(cursor: Any, table: str, earlier: int) -> dict[int, _Copy]:
    """Return the COPYs into a table by id, in one query, with the lines of each file shown."""
    rows = _select(
        cursor,
        "select copies.query_id, copies.status, copies.source_file_count, copies.error_count, "
        "errors.shown, files.file_name, files.lines_scanned from sys_load_history as copies "
        "left join (select query_id, count(*) as shown from sys_load_error_detail "
        "where query_id > %s group by query_id) as errors on copies.query_id = errors.query_id "
        "left join sys_load_detail as files on copies.query_id = files.query_id "
        "where trim(copies.table_name) = %s and copies.query_id > %s",
        (earlier, table, earlier),
    )
    copies: dict[int, _Copy] = {}
    for query, status, files, errors, shown, url, lines in rows:
        found = _Copy(status.strip(), int(files or 0), int(errors or 0), int(shown or 0), [])
        copy = copies.setdefault(int(query), found)
        if url is not None:
            copy.lines.append((url.strip(), lines))
    return copies


def _errors(cursor: Any, queries: Iterable[int]) -> Sequence[LoadError]:
    """Return the records that these COPYs could not load."""
    numbers = ", ".join(map(str, queries))
    if not numbers:
        return []
    rows = _select(
        cursor,
        "select file_name, line_number, column_name, error_code, error_message "
        f"from sys_load_error_detail where query_id in ({numbers})",
    )
    return [
        LoadError(
            url.strip(), line, (column or "").strip() or None, f"{message.strip()} (error {code})"
        )
        for url, line, column, code, message in rows
    ]


def _select(cursor: Any, query: str, parameters: Sequence[object] = ()) -> Any:
    """Return the rows of a query, a transaction by itself: the next sees what is shown by then."""
    with autocommit(cursor):
        cursor.execute(query, parameters)
        return cursor.fetchall()
