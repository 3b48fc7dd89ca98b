"""Asks the warehouse on behalf of the page: read only, for a bounded time, for a bounded answer."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from sparkify.warehouse import POSTGRES, warehouse_hook

SECONDS = 20.0
"""How long one answer may take while somebody looks at the page."""

ROWS = 10_000
"""How many rows one answer may have."""

CONNECT_SECONDS = 10
"""How long it may take to connect."""

POSTGRES_BOUNDS = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""After half a minute a connection that is dead is known to be."""


@dataclass(frozen=True)
class Answer:
    """The rows of a SELECT; ``cut`` tells that there are more."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    cut: bool


@contextmanager
def reading(seconds: float) -> Iterator[Callable[[str], Answer]]:
    """
    Give what answers SELECTs in a transaction that cannot write and sees one state of the data.

    :param seconds: how long each may take
    """
    with closing(_hook(seconds).get_conn()) as connection:
        # The transaction is begun by hand: both engines take these words, not each other's API.
        connection.autocommit = True
        with closing(connection.cursor()) as cursor:
            cursor.execute("set application_name to 'sparkify page'")
            cursor.execute(f"set statement_timeout to {seconds * 1000:.0f}")
            cursor.execute("begin isolation level repeatable read read only")
            yield lambda sql: _answer(cursor, sql)
            cursor.execute("rollback")


def _hook(seconds: float) -> Any:
    """The warehouse's hook, whose connections end also where the other side has gone silent."""
    hook = warehouse_hook()
    if hook.conn_type == POSTGRES:
        connection, bounds = hook.connection, POSTGRES_BOUNDS
    else:
        # Of the socket: for as long the driver waits for any answer.
        connection, bounds = hook.conn, {"timeout": int(seconds) + CONNECT_SECONDS}
    connection.extra = json.dumps(bounds | connection.extra_dejson)
    return hook


def _answer(cursor: Any, sql: str) -> Answer:
    cursor.execute(sql)
    rows = tuple(tuple(row) for row in cursor.fetchmany(ROWS + 1))
    columns = tuple(column[0] for column in cursor.description)
    return Answer(columns, rows[:ROWS], len(rows) > ROWS)
