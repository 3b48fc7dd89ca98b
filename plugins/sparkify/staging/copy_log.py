"""What Redshift tells of its COPYs: the views SYS_LOAD_…, which survive whatever became of them."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.sdk.exceptions import AirflowException

PATIENCE, FIRST_PAUSE, PAUSE = 60.0, 0.1, 2.0
"""Seconds: how long the views are given to show a COPY that has ended; between two looks, at first
and at most."""

FAILED_PATIENCE = 10.0
"""The same where a COPY has failed: the task fails all the same, if with fewer words."""

LONGEST_NAME = 256
"""What the views show of a file's URL."""


class LoadError(NamedTuple):
    """A record that COPY could not load; ``line`` is the last one of its object."""

    url: str
    line: int
    column: str | None
    message: str


@dataclass(frozen=True)
class Loads:
    """What the COPYs of one try did; URLs are as long as the views show them."""

    lines: Counter[str] = field(default_factory=Counter)
    errors: Sequence[LoadError] = ()


def last_load(hook: DbApiHook, table: str) -> int:
    """The number of the last COPY into a table of this name; 0 when there was none."""
    row: Any = hook.get_first(
        "select coalesce(max(query_id), 0) from sys_load_history where trim(table_name) = %s",
        parameters=(table,),
    )
    return int(row[0])


def loads_since(
    hook: DbApiHook, table: str, earlier: int, copies: int, empty_files: int = 0
) -> Loads:
    """
    What so many COPYs into a table did, once the views show them all.

    A COPY is in the history before its files and errors are in theirs; how many it has of each is
    in the history, too. Of files without a byte, none may be shown.
    """
    for last_look in _looks():
        ended = [one for one in _begun(hook, table, earlier) if one.is_completed]
        queries = [one.query for one in ended]
        files = list(_of(hook, queries, "file_name, lines_scanned", "sys_load_detail"))
        errors = errors_of(hook, queries)
        missing = sum(one.files for one in ended) - empty_files - len(files)
        unnamed = sum(one.errors for one in ended) - len(errors)
        if len(ended) >= copies and missing <= 0 and unnamed <= 0:
            break
        if last_look:
            raise AirflowException(
                f"Redshift's view sys_load_history shows {len(ended)} of {copies} COPYs into "
                f"{table}; {max(missing, 0)} of their files and {max(unnamed, 0)} of their errors "
                "are not in sys_load_detail and sys_load_error_detail; the task is tried again."
            )
    lines: Counter[str] = Counter()
    for url, count in files:
        lines[url.strip()] += count
    return Loads(lines, errors)


def failed_load(hook: DbApiHook, table: str, earlier: int) -> Sequence[LoadError]:
    """The records that made a COPY fail, as far as there are any, and as far as they are shown."""
    errors: Sequence[LoadError] = ()
    for last_look in _looks(FAILED_PATIENCE):
        begun = _begun(hook, table, earlier)
        errors = errors_of(hook, [one.query for one in begun])
        if last_look or (
            begun
            and not any(one.is_running for one in begun)
            and len(errors) >= sum(one.errors for one in begun)
        ):
            break
    return errors


def _looks(patience: float = PATIENCE) -> Iterator[bool]:
    """Look after look, with pauses that grow; whether this one is the last."""
    deadline = time.monotonic() + patience
    pause = FIRST_PAUSE
    while time.monotonic() < deadline:
        yield False
        time.sleep(pause)
        pause = min(2 * pause, PAUSE)
    yield True


def errors_of(hook: DbApiHook, queries: Sequence[int]) -> Sequence[LoadError]:
    """The records that some COPYs could not load."""
    columns = "file_name, line_number, column_name, error_code, error_message"
    return [
        LoadError(
            url.strip(), line, (column or "").strip() or None, f"{message.strip()} (error {code})"
        )
        for url, line, column, code, message in _of(hook, queries, columns, "sys_load_error_detail")
    ]


class _Begun(NamedTuple):
    """A COPY as the history has it: with how many files and errors it counts."""

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


def _begun(hook: DbApiHook, table: str, earlier: int) -> list[_Begun]:
    rows: Any = hook.get_records(
        "select query_id, status, source_file_count, error_count from sys_load_history "
        "where trim(table_name) = %s and query_id > %s",
        parameters=(table, earlier),
    )
    return [
        _Begun(int(query), status.strip(), int(files or 0), int(errors or 0))
        for query, status, files, errors in rows
    ]


def _of(hook: DbApiHook, queries: Sequence[int], columns: str, view: str) -> Any:
    if not queries:
        return []
    numbers = ", ".join(map(str, queries))
    return hook.get_records(f"select {columns} from {view} where query_id in ({numbers})")
