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


GONE = (
    "A table or view of the warehouse is not there: {}. A run's own staging table goes when the "
    "run ends: clear its stage_* tasks, and what follows them. Any other the DAG sparkify_schema "
    "makes anew, empty: run it, then see what has to be loaded again with: airflow sparkify hours"
)
ALTERED = (
    "A table or view of the warehouse is not as this project made it: {}. Undo what was altered by "
    "hand, or run the DAG sparkify_schema with the param recreate and load everything again; then "
    "clear this task."
)
TOO_LONG = (
    "A value is longer than its column: {}. Where the column was altered by hand, undo that; the "
    "name of a file or of a run has to be shorter. Then clear this task."
)
FORBIDDEN = (
    "The user of the warehouse's connection may not do this: {}. Grant what "
    "docs/managed-airflow.md lists, or let the user own the tables; then clear this task."
)

LASTING = {
    "42P01": GONE,
    "42703": ALTERED,
    "42804": ALTERED,
    "22001": TOO_LONG,
    "23502": ALTERED,
    "42501": FORBIDDEN,
}
"""What an engine's error says that trying again does not mend, by SQLSTATE."""


def explained(error: Exception) -> Exception:
    """What to raise for a statement's error: a sentence where somebody has to do something."""
    details = error.args[0] if error.args else None
    # PostgreSQL's driver has the code as an attribute, Redshift's in what the server sent.
    said = details if isinstance(details, dict) else {}
    code = getattr(error, "sqlstate", None) or said.get("C")
    if code not in LASTING:
        return error
    message = said.get("M") or str(error).partition("\n")[0]
    return AirflowFailException(LASTING[code].format(message))


@contextmanager
def connected(hook: Any) -> Iterator[Any]:
    """A connection, committed at the end; an error that somebody has to mend says how."""
    with closing(hook.get_conn()) as connection:
        try:
            yield connection
            connection.commit()
        except Exception as error:
            # Raised as it is where there is nothing to add.
            if (sentence := explained(error)) is error:
                raise
            raise sentence from error


@contextmanager
def transaction(hook: Any) -> Iterator[Any]:
    """
    A cursor whose statements take effect together, or not at all.

    A hook's own methods connect anew each time, which takes longer than most statements of an hour.
    So what may take effect before the rest is committed by a statement, ``commit``.
    """
    with connected(hook) as connection, closing(connection.cursor()) as cursor:
        yield cursor


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
