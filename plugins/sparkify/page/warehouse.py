"""Query the warehouse for the page: read-only, with limits on time and rows."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from sparkify.warehouse import KEEPALIVE, POSTGRES, REDSHIFT, warehouse_hook

SECONDS = 20.0
"""How long one answer may take while a user waits for it."""

ROWS = 10_000
"""How many rows an answer may have."""

CONNECT_SECONDS = 10
"""How long connecting may take."""

POSTGRES_BOUNDS = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""Detect a dead connection within half a minute."""


@dataclass(frozen=True)
class Answer:
    """The rows of a SELECT; ``cut`` means that there are more."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    cut: bool


@contextmanager
def reading(seconds: float) -> Iterator[Callable[..., Answer]]:
    """
    Yield a function that runs SELECTs in a read-only transaction with one state of the data.

    It takes the statement and its parameters, if any.

    :param seconds: how long each may take
    """
    with closing(_hook(seconds).get_conn()) as connection:
        # Begin the transaction in SQL, which both engines share, unlike the drivers' APIs.
        connection.autocommit = True
        with closing(connection.cursor()) as cursor:
            cursor.execute("set application_name to 'sparkify page'")
            cursor.execute(f"set statement_timeout to {seconds * 1000:.0f}")
            cursor.execute("begin isolation level repeatable read read only")
            yield partial(_answer, cursor)
            cursor.execute("rollback")


def _hook(seconds: float) -> Any:
    """Return the warehouse's hook, with connections that also end if the server goes silent."""
    # The timeout of the driver's socket, for any response.
    bounds = {**KEEPALIVE[REDSHIFT], "timeout": int(seconds) + CONNECT_SECONDS}
    return warehouse_hook(options={POSTGRES: POSTGRES_BOUNDS, REDSHIFT: bounds})


def _answer(cursor: Any, sql: str, parameters: tuple[str, ...] = ()) -> Answer:
    cursor.execute(sql, parameters)
    rows = tuple(tuple(row) for row in cursor.fetchmany(ROWS + 1))
    columns = tuple(column[0] for column in cursor.description)
    return Answer(columns, rows[:ROWS], len(rows) > ROWS)
