"""Asks the warehouse on behalf of the page: read only, for a bounded time, for a bounded answer."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from threading import BoundedSemaphore
from typing import Any

from sparkify.warehouse import warehouse_hook

SECONDS = 20.0
"""How long one answer may take while somebody looks at the page."""

ROWS = 10_000
"""How many rows one answer may have."""

AT_ONCE = BoundedSemaphore(3)
"""A page asks many questions; the warehouse has its loads to do."""

FRESH = 60
"""Seconds for which an answer is good enough to be given again."""


@dataclass(frozen=True)
class Answer:
    """The rows of a SELECT; ``cut`` tells that there are more."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    cut: bool
    seconds: float


def ask(sql: str) -> Answer:
    """The answer to a SELECT, at most a minute old."""
    return _ask_in(sql, int(time.time() / FRESH))


@lru_cache(maxsize=256)
def _ask_in(sql: str, _minute: int) -> Answer:
    with AT_ONCE, reading(SECONDS) as read:
        return read(sql)


@contextmanager
def reading(seconds: float) -> Iterator[Callable[[str], Answer]]:
    """
    Give what answers SELECTs in a transaction that cannot write and sees one state of the data.

    :param seconds: how long each may take
    """
    with closing(warehouse_hook().get_conn()) as connection:
        # The transaction is begun by hand: both engines take these words, not each other's API.
        connection.autocommit = True
        with closing(connection.cursor()) as cursor:
            cursor.execute(f"set statement_timeout to {seconds * 1000:.0f}")
            cursor.execute("begin isolation level repeatable read read only")
            yield lambda sql: _answer(cursor, sql)
            cursor.execute("rollback")


def _answer(cursor: Any, sql: str) -> Answer:
    began = time.monotonic()
    cursor.execute(sql)
    rows = tuple(tuple(row) for row in cursor.fetchmany(ROWS + 1))
    columns = tuple(column[0] for column in cursor.description)
    return Answer(columns, rows[:ROWS], len(rows) > ROWS, time.monotonic() - began)
