"""The two engines of the warehouse, and how they differ outside ``sql/schema``."""

import csv
import io
import json
import logging
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
)

from sparkify.settings import WAREHOUSE, statement_timeout

log = logging.getLogger(__name__)

POSTGRES, REDSHIFT = "postgres", "redshift"

Options = Mapping[str, Any]
"""Options of a driver, as in the extra of a connection."""

KEEPALIVE: Mapping[str, Options] = {
    POSTGRES: {"keepalives_idle": 60, "keepalives_interval": 10, "keepalives_count": 6},
    REDSHIFT: {"tcp_keepalive_idle": 60, "tcp_keepalive_interval": 10, "tcp_keepalive_count": 6},
}
"""
Detect a dead connection within two minutes, and keep a live one that waits for a long statement:
networks drop those that are silent for some minutes.
"""

LONGEST_TIMEOUT = 2**31 - 1
"""The longest ``statement_timeout`` of either engine, in milliseconds."""


def engine(conn_id: str = WAREHOUSE) -> str:
    """Return the engine of a connection, which is its type."""
    return str(_connection(conn_id).conn_type)


def _connection(conn_id: str) -> Connection:
    try:
        connection: Connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as error:
        raise AirflowFailException(UNDEFINED.format(conn_id, conn_id.upper())) from error
    if connection.conn_type not in (POSTGRES, REDSHIFT):
        raise AirflowFailException(
            f"The connection {conn_id} is of type {connection.conn_type!r}; it must be redshift or "
            "postgres."
        )
    return connection


def warehouse_hook(
    conn_id: str = WAREHOUSE,
    hook_params: dict[str, Any] | None = None,
    options: Mapping[str, Options] | None = None,
) -> Any:
    """
    Return the provider's hook for a connection, with defaults for the connection's extra.

    :param options: the driver's options, by engine; by default those of a load
    """
    connection = _connection(conn_id)
    hook: Any = connection.get_hook(hook_params=hook_params)
    if connection.conn_type == POSTGRES:
        defaults = _load_options() if options is None else options[POSTGRES]
        hook.connection.extra = json.dumps(_libpq_options(hook.connection, defaults))
    else:
        hook.conn.extra = json.dumps(_redshift_options(hook.conn, (options or KEEPALIVE)[REDSHIFT]))
    return hook


def connection_of(hook: Any) -> Connection:
    """Return the connection of a hook, which has read it already."""
    connection: Connection = hook.conn if hook.conn_type == REDSHIFT else hook.connection
    return connection


def _load_options() -> Options:
    """Return libpq's options for a load. On Redshift, ``connected`` sets the timeout."""
    timeout = {"options": f"-c statement_timeout={ms}"} if (ms := _timeout()) else {}
    return {**KEEPALIVE[POSTGRES], **timeout}


def _libpq_options(connection: Connection, defaults: Options) -> Options:
    """
    Return the options of a connection, which requires TLS to reach another machine.

    Unlike Redshift's driver, libpq falls back to plain text by default. The connection's extra
    ``sslmode``, or PGSSLMODE, overrides this; ``options``, or PGOPTIONS, are added to the default.
    """
    own = connection.extra_dejson
    tls = {} if is_local(connection.host) else {"sslmode": os.environ.get("PGSSLMODE", "require")}
    server = [defaults.get("options"), own.get("options", os.environ.get("PGOPTIONS"))]
    return {**tls, **defaults, **own, "options": " ".join(filter(None, server))}


def _redshift_options(connection: Connection, defaults: Options) -> Options:
    """Return the options of a connection; the hook alone requests the password of an IAM login."""
    own = connection.extra_dejson
    # Given True, the driver requests another password, as the machine's role instead of as
    # aws_default, and demands the login once more, as db_user.
    iam = {"iam": "true"} if own.get("iam") else {}
    # A URI's options are text, and any text, "true" included, turns the driver's TLS off.
    tls = {"ssl": str(own.get("ssl", True)).lower() != "false"}
    return {**defaults, **own, **iam, **tls}


def _timeout() -> int:
    """Return how many milliseconds a statement of a load may take, or 0 for any."""
    return min(statement_timeout() // timedelta(milliseconds=1), LONGEST_TIMEOUT)


def is_local(hosts: str | None) -> bool:
    """Whether every host that libpq may try is a socket or a loopback address."""
    return all(
        host in ("", "localhost", "::1") or host.startswith(("/", "@", "127."))
        for host in (hosts or "").split(",")
    )


UNDEFINED = (
    "The connection {} is not defined. In Airflow, or as the environment variable AIRFLOW_CONN_{}, "
    "define one of type redshift or postgres: docs/deployment.md shows how."
)
UNREACHABLE = (
    "The warehouse of the connection {} (host {}, port {}, database {}) cannot be reached: {}. "
    "Check the connection, and run airflow sparkify doctor, which finds out what is wrong."
)

NOT_FOUND = (
    "A table or view of the warehouse does not exist: {}. If it is the run's own staging table, "
    "which is dropped when the run ends, clear the run's stage_* tasks with downstream. Otherwise "
    "run the DAG sparkify_schema, which creates it empty; airflow sparkify hours then shows what "
    "to load again."
)
ALTERED = (
    "A table or view of the warehouse is not as this version of the project creates it: {}. After "
    "an upgrade, run the DAG sparkify_schema, which migrates the tables. If one was changed by "
    "hand, undo that, or run the DAG with the param recreate and load everything again. Then clear "
    "this task."
)
TOO_LONG = (
    "A value is longer than its column: {}. If the column was changed by hand, undo that; the name "
    "of a file or of a run has to be shorter. Then clear this task."
)
FORBIDDEN = (
    "The user of the warehouse's connection may not do this: {}. Grant what "
    "docs/managed-airflow.md lists, or let the user own the tables; then clear this task."
)
DEPENDED_ON = (
    "Something of your own, such as a view, depends on a table that is to be dropped: {}. Drop the "
    "view, then clear this task."
)

CANCELLED = (
    "The warehouse has cancelled a statement: {}. If nobody has done that by hand, the statement "
    "took longer than the variable sparkify_statement_timeout_minutes allows, most likely because "
    "it waited for another session. Find and end what holds it up, as docs/runbook.md shows, or "
    "raise the variable, at most to the two hours that a task may take. Airflow retries the task."
)

PERMANENT = {
    "42P01": NOT_FOUND,
    "42701": ALTERED,
    "42703": ALTERED,
    "42804": ALTERED,
    "22001": TOO_LONG,
    "23502": ALTERED,
    "42501": FORBIDDEN,
    "2BP01": DEPENDED_ON,
}
"""How to fix an error that a retry cannot, by SQLSTATE."""

TRANSIENT = {"57014": CANCELLED}
"""What to do about an error that a retry may not meet again, by SQLSTATE."""


class WarehouseError(AirflowException):
    """An error of the warehouse for which there is no advice; a retry may not meet it again."""


class UnreachableError(AirflowException):
    """The warehouse opens no session; a retry may find it again."""


QUOTED = re.compile(r"['\"].*['\"]", re.DOTALL)

DATA_ERRORS = ("22", "XX")
"""The classes of SQLSTATE whose messages may quote values; others quote names of columns."""


def without_values(message: str) -> str:
    """Return a message without what it quotes, which may be a value of the data."""
    return QUOTED.sub("'…'", message)


def explain(error: Exception) -> Exception:
    """
    Return an exception that says how to fix an error of the warehouse, if that is known.

    It contains no value of the data, unlike a driver's own, whose details quote rows: messages of
    exceptions reach logs, alerts and OpenLineage.
    """
    details = error.args[0] if error.args else None
    # PostgreSQL's driver has the code as an attribute, Redshift's in the server's response.
    response = details if isinstance(details, dict) else {}
    code = getattr(error, "sqlstate", None) or response.get("C")
    if not code:
        return error
    message = response.get("M") or str(error).partition("\n")[0]
    if "S3ServiceException" in message:
        # About files, which only the details name.
        message = f"{message}; {response.get('D')}"
    elif code.startswith(DATA_ERRORS):
        message = without_values(message)
    if code in PERMANENT:
        return AirflowFailException(PERMANENT[code].format(message))
    if code in TRANSIENT:
        return AirflowException(TRANSIENT[code].format(message))
    return WarehouseError(f"The warehouse has ended a statement with error {code}: {message}")


@contextmanager
def connected(hook: Any) -> Iterator[Any]:
    """Open a connection and commit at the end; errors are explained."""
    with closing(_connect(hook)) as connection:
        try:
            # PostgreSQL was told when connecting, which costs no statement.
            if hook.conn_type == REDSHIFT and (timeout := _timeout()):
                _set_timeout(connection, timeout)
            yield connection
            connection.commit()
        except Exception as error:
            if (explained := explain(error)) is error:
                raise
            # Not "from error": a traceback would quote its details.
            raise explained.with_traceback(error.__traceback__) from None


def _connect(hook: Any) -> Any:
    """Open a connection, or say which one cannot be opened, and why."""
    try:
        return hook.get_conn()
    except Exception as error:
        its = connection_of(hook)
        where = [each or "by default" for each in (its.host, its.port, its.schema)]
        raise UnreachableError(UNREACHABLE.format(its.conn_id, *where, _reason(error))) from error


def _reason(error: Exception) -> str:
    """Return what a driver says of a connection that it cannot open, on one line."""
    details = error.args[0] if error.args else None
    # Redshift's driver passes on the server's response, or adds the cause to its own words.
    words = [details.get("M")] if isinstance(details, dict) else error.args
    return ": ".join(map(str, words)).strip().partition("\n")[0].rstrip(".")


def _set_timeout(connection: Any, timeout: int) -> None:
    """Set the timeout outside of a transaction, which a rollback would undo it with."""
    with closing(connection.cursor()) as cursor, autocommit(cursor):
        cursor.execute(f"set statement_timeout to {timeout}")


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


@contextmanager
def autocommit(cursor: Any) -> Iterator[None]:
    """
    Commit each statement of the block by itself, which saves a query its BEGIN and COMMIT.

    A connection whose block has failed is closed by whoever opened it, not set back.
    """
    with warnings.catch_warnings():
        # Redshift's driver warns that PEP 249 only suggests this attribute.
        warnings.simplefilter("ignore")
        connection = cursor.connection
    connection.autocommit = True
    yield
    connection.autocommit = False


def rollback(cursor: Any) -> None:
    """Undo the cursor's transaction, as after an error; its next statement begins another one."""
    cursor.execute("rollback")


def execute(cursor: Any, statement: str) -> str:
    """Execute a statement; return its first words, without comments, and its row count."""
    try:
        cursor.execute(statement)
    except Exception:
        # An error does not always name the statement that caused it.
        log.error("This statement failed and its transaction was rolled back:\n%s", statement)
        raise
    words = first_words(statement, 3)
    return f"{words}: {cursor.rowcount} rows" if cursor.rowcount >= 0 else words


def first_words(statement: str, count: int) -> str:
    """Return the first words of a statement, without comments."""
    lines = (line for line in statement.splitlines() if not line.lstrip().startswith("--"))
    return " ".join(" ".join(lines).split()[:count])


MUTEX = "write_mutex"
"""The table that Redshift's writers lock; nobody reads it."""


def lock(cursor: Any, on: str, *tables: str) -> None:
    """
    Make the writers of these tables take turns until the transaction ends.

    Two runs may load overlapping windows at once, and the second must see what the first committed.
    So this comes first: a transaction on Redshift sees the state at its first query. Readers never
    wait: PostgreSQL has a mode for that, and Redshift, whose only mode stops readers, locks a table
    without any.

    :param tables: in alphabetical order, those of the bookkeeping last. Another order, or a write
        to a table that others lock and this transaction does not, is a deadlock one day
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
    on: str, cursor: Any, table: str, columns: str, rows: Iterable[tuple[Any, ...]]
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
