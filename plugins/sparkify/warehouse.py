"""The two engines of the warehouse, and how they differ outside ``sql/schema``."""

import csv
import io
import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowFailException

from sparkify.settings import WAREHOUSE

log = logging.getLogger(__name__)

POSTGRES, REDSHIFT = "postgres", "redshift"


def engine(conn_id: str = WAREHOUSE) -> str:
    """Return the engine of a connection, which is its type."""
    conn_type = BaseHook.get_connection(conn_id).conn_type
    if conn_type not in (POSTGRES, REDSHIFT):
        raise AirflowFailException(
            f"The connection {conn_id} is of type {conn_type!r}; it must be redshift or postgres."
        )
    return str(conn_type)


def warehouse_hook(conn_id: str = WAREHOUSE, hook_params: dict[str, Any] | None = None) -> Any:
    """
    Return the provider's hook for a connection, which requires TLS to reach another machine.

    Unlike Redshift's driver, libpq falls back to plain text by default. The connection's extra
    ``sslmode``, or PGSSLMODE, overrides this.
    """
    hook: Any = BaseHook.get_connection(conn_id).get_hook(hook_params=hook_params)
    if hook.conn_type == POSTGRES and not is_local(hook.connection.host):
        extra = hook.connection.extra_dejson
        hook.connection.extra = json.dumps(
            {"sslmode": os.environ.get("PGSSLMODE", "require"), **extra}
        )
    return hook


def is_local(hosts: str | None) -> bool:
    """Whether every host that libpq may try is a socket or a loopback address."""
    return all(
        host in ("", "localhost", "::1") or host.startswith(("/", "@", "127."))
        for host in (hosts or "").split(",")
    )


NOT_FOUND = (
    "A table or view of the warehouse does not exist: {}. If it is the run's own staging table, "
    "which is dropped when the run ends, clear the run's stage_* tasks with downstream. Otherwise "
    "run the DAG sparkify_schema, which creates it empty; airflow sparkify hours then shows what "
    "to load again."
)
ALTERED = (
    "A table or view of the warehouse is not as this project created it: {}. Undo the manual "
    "change, or run the DAG sparkify_schema with the param recreate and load everything again; "
    "then clear this task."
)
TOO_LONG = (
    "A value is longer than its column: {}. If the column was changed by hand, undo that; the name "
    "of a file or of a run has to be shorter. Then clear this task."
)
FORBIDDEN = (
    "The user of the warehouse's connection may not do this: {}. Grant what "
    "docs/managed-airflow.md lists, or let the user own the tables; then clear this task."
)

PERMANENT = {
    "42P01": NOT_FOUND,
    "42703": ALTERED,
    "42804": ALTERED,
    "22001": TOO_LONG,
    "23502": ALTERED,
    "42501": FORBIDDEN,
}
"""How to fix an error that a retry cannot, by SQLSTATE."""


def explain(error: Exception) -> Exception:
    """Return an exception that says how to fix a permanent error; other errors as they are."""
    details = error.args[0] if error.args else None
    # PostgreSQL's driver has the code as an attribute, Redshift's in the server's response.
    response = details if isinstance(details, dict) else {}
    code = getattr(error, "sqlstate", None) or response.get("C")
    if code not in PERMANENT:
        return error
    message = response.get("M") or str(error).partition("\n")[0]
    return AirflowFailException(PERMANENT[code].format(message))


@contextmanager
def connected(hook: Any) -> Iterator[Any]:
    """Open a connection and commit at the end; a permanent error says how to fix it."""
    with closing(hook.get_conn()) as connection:
        try:
            yield connection
            connection.commit()
        except Exception as error:
            if (explained := explain(error)) is error:
                raise
            raise explained from error


@contextmanager
def session(hook: Any) -> Iterator[Any]:
    """
    Open a cursor and commit at the end; what must take effect earlier is passed to ``commit``.

    A hook's own methods reconnect every time, which takes longer than most statements of an hour.
    """
    with connected(hook) as connection, closing(connection.cursor()) as cursor:
        yield cursor


def commit(cursor: Any) -> None:
    """End the cursor's transaction; its next statement begins another one."""
    cursor.execute("commit")


def rollback(cursor: Any) -> None:
    """Undo the cursor's transaction, as after an error; its next statement begins another one."""
    cursor.execute("rollback")


@contextmanager
def transaction(hook: Any) -> Iterator[Any]:
    """Open a cursor whose statements take effect together, or not at all."""
    with session(hook) as cursor:
        yield cursor


def execute(cursor: Any, statement: str) -> str:
    """Execute a statement; return its first words, without comments, and its row count."""
    try:
        cursor.execute(statement)
    except Exception:
        # An error does not always name the statement that caused it.
        log.error("This statement failed and its transaction was rolled back:\n%s", statement)
        raise
    lines = (line for line in statement.splitlines() if not line.lstrip().startswith("--"))
    words = " ".join(" ".join(lines).split()[:3])
    return f"{words}: {cursor.rowcount} rows" if cursor.rowcount >= 0 else words


MUTEX = "write_mutex"
"""The table that Redshift's writers lock; nobody reads it."""


def lock(cursor: Any, on: str, *tables: str) -> None:
    """
    Make the writers of these tables take turns until the transaction ends.

    Two runs may load overlapping windows at once, and the second must see what the first committed.
    So this comes first: a transaction on Redshift sees the state at its first query. Readers never
    wait: PostgreSQL has a mode for that, and Redshift, whose only mode stops readers, locks a table
    without any.

    :param tables: in alphabetical order, those of the bookkeeping last, which prevents deadlocks
    """
    if on == POSTGRES:
        cursor.execute(f"lock table {', '.join(tables)} in share row exclusive mode")
    else:
        cursor.execute(f"lock table {MUTEX}")


def quoted(text: str) -> str:
    """Quote external text, such as a run id, as a literal for both engines."""
    if "\\" in text:
        # An escape on Redshift, a character on PostgreSQL.
        raise AirflowFailException(f"{text!r} contains a backslash; choose another name.")
    return "'" + text.replace("'", "''") + "'"


MAX_PARAMETERS, MAX_BYTES = 30_000, 8 << 20
"""Parameters and bytes of one statement; Redshift's driver takes 32,767, Redshift 16 MB."""


def insert_rows(
    on: str, cursor: Any, table: str, columns: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows into a table with as few statements as the engine allows."""
    if on == POSTGRES:
        with cursor.copy(f"copy {table} ({columns}) from stdin (format csv)") as copy:
            copy.write(as_csv(rows))
        return
    row = f"({', '.join(['%s'] * (columns.count(',') + 1))})"
    for batch in _batches(rows, MAX_PARAMETERS // row.count("%s")):
        cursor.execute(
            f"insert into {table} ({columns}) values {', '.join([row] * len(batch))}",
            [value for values in batch for value in values],
        )


def _batches(rows: Iterable[tuple[Any, ...]], most: int) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Group rows into batches of this many rows, and of ``MAX_BYTES``, at most."""
    batch: list[tuple[Any, ...]] = []
    held = 0
    for row in rows:
        size = sum(len(str(value).encode()) for value in row)
        if batch and (len(batch) == most or held + size > MAX_BYTES):
            yield batch
            batch, held = [], 0
        batch.append(row)
        held += size
    if batch:
        yield batch


def as_csv(rows: Iterable[tuple[Any, ...]]) -> bytes:
    """Encode rows as CSV for PostgreSQL's COPY."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
