"""Redshift's log of its COPYs: the views SYS_LOAD_…, which also cover those that failed."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.sdk.exceptions import AirflowException

PATIENCE, PAUSE = 60.0, 1.0
"""Seconds to wait for the views to show a COPY that has ended, and between two queries."""

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


def loads_since(hook: DbApiHook, table: str, earlier: int, copies: int) -> Loads:
    """Wait until the views show this many COPYs into a table, and return their results."""
    deadline = time.monotonic() + PATIENCE
    while len(ended := _ended(hook, table, earlier)) < copies:
        if time.monotonic() > deadline:
            raise AirflowException(
                f"Redshift's view sys_load_history shows only {len(ended)} of {copies} COPYs into "
                f"{table}. Airflow retries the task."
            )
        time.sleep(PAUSE)
    lines: Counter[str] = Counter()
    for url, count in _select(hook, ended, "file_name, lines_scanned", "sys_load_detail"):
        lines[url.strip()] += count
    return Loads(lines, errors_of(hook, ended))


def failed_load(hook: DbApiHook, table: str, earlier: int) -> Sequence[LoadError]:
    """Return the records that made a COPY fail, if any."""
    return errors_of(hook, _begun(hook, table, earlier))


def errors_of(hook: DbApiHook, queries: Sequence[int]) -> Sequence[LoadError]:
    """Return the records that these COPYs could not load."""
    columns = "file_name, line_number, column_name, error_code, error_message"
    return [
        LoadError(url.strip(), line, column.strip() or None, f"{message.strip()} (error {code})")
        for url, line, column, code, message in _select(
            hook, queries, columns, "sys_load_error_detail"
        )
    ]


def _ended(hook: DbApiHook, table: str, earlier: int) -> list[int]:
    return _begun(hook, table, earlier, " and trim(status) = 'completed'")


def _begun(hook: DbApiHook, table: str, earlier: int, which: str = "") -> list[int]:
    rows: Any = hook.get_records(
        "select query_id from sys_load_history "
        f"where trim(table_name) = %s and query_id > %s{which}",
        parameters=(table, earlier),
    )
    return [int(query) for (query,) in rows]


def _select(hook: DbApiHook, queries: Sequence[int], columns: str, view: str) -> Any:
    if not queries:
        return []
    numbers = ", ".join(map(str, queries))
    return hook.get_records(f"select {columns} from {view} where query_id in ({numbers})")
