"""The two engines a warehouse may run on, and all that differs between them outside ``schema/``."""

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
    """Which engine a connection leads to; its type says so."""
    conn_type = BaseHook.get_connection(conn_id).conn_type
    if conn_type not in (POSTGRES, REDSHIFT):
        raise AirflowFailException(
            f"The connection {conn_id} is of type {conn_type!r}; it must be redshift or postgres."
        )
    return str(conn_type)


def warehouse_hook(conn_id: str = WAREHOUSE, hook_params: dict[str, Any] | None = None) -> Any:
    """
    The provider's hook for a connection; to another machine it speaks TLS, or not at all.

    PostgreSQL's own library would rather send everything in the clear than not connect; Redshift's
    driver would not. The connection's extra ``sslmode``, or PGSSLMODE, says otherwise.
    """
    hook: Any = BaseHook.get_connection(conn_id).get_hook(hook_params=hook_params)
    if hook.conn_type == POSTGRES and not _is_here(hook.connection.host):
        extra = hook.connection.extra_dejson
        hook.connection.extra = json.dumps(
            {"sslmode": os.environ.get("PGSSLMODE", "require"), **extra}
        )
    return hook


def _is_here(hosts: str | None) -> bool:
    """Whether each of the hosts that libpq may try is a socket, or this machine's loopback."""
    return all(
        host in ("", "localhost", "::1") or host.startswith(("/", "@", "127."))
        for host in (hosts or "").split(",")
    )


@contextmanager
def transaction(hook: Any) -> Iterator[Any]:
    """
    A cursor whose statements take effect together, or not at all.

    A hook's own methods connect anew each time, which takes longer than most statements of an hour.
    So what may take effect before the rest is committed by a statement, ``commit``.
    """
    with closing(hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
        yield cursor
        connection.commit()


def execute(cursor: Any, statement: str) -> str:
    """Execute a statement; its first words, comments apart, and of how many rows it was."""
    try:
        cursor.execute(statement)
    except Exception:
        # An engine's error does not always say which of a transaction's statements it is about.
        log.error("This statement failed; nothing of its transaction took effect:\n%s", statement)
        raise
    said = (line for line in statement.splitlines() if not line.lstrip().startswith("--"))
    words = " ".join(" ".join(said).split()[:3])
    return f"{words}: {cursor.rowcount} rows" if cursor.rowcount >= 0 else words


def lock(table: str, on: str) -> str:
    """
    The statement that makes writers of a table wait for each other, to the transaction's end.

    Two runs may load overlapping windows at once; the second must see what the first committed.
    PostgreSQL's readers are not held up; Redshift has one kind of lock only.
    """
    mode = " in share row exclusive mode" if on == POSTGRES else ""
    return f"lock table {table}{mode}"


def quoted(text: str) -> str:
    """Text from outside, such as a run id, as a literal of both engines."""
    if "\\" in text:
        # Redshift takes it for an escape, PostgreSQL for itself.
        raise AirflowFailException(f"{text!r} holds a backslash; name it otherwise.")
    return "'" + text.replace("'", "''") + "'"


MOST_PARAMETERS = 30_000
"""Of one statement; Redshift's driver takes 32,767."""


def insert_rows(
    on: str, cursor: Any, table: str, columns: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    """Add rows to a table in the cursor's transaction, in as few steps as the engine allows."""
    if on == POSTGRES:
        with cursor.copy(f"copy {table} ({columns}) from stdin (format csv)") as copy:
            copy.write(as_csv(rows))
        return
    width = columns.count(",") + 1
    most = MOST_PARAMETERS // width
    for first in range(0, len(rows), most):
        some = rows[first : first + most]
        values = ", ".join([f"({', '.join(['%s'] * width)})"] * len(some))
        cursor.execute(
            f"insert into {table} ({columns}) values {values}",
            [value for row in some for value in row],
        )


def as_csv(rows: Iterable[tuple[Any, ...]]) -> bytes:
    """Rows as PostgreSQL's COPY takes them."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
