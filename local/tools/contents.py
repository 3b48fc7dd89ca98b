"""What a warehouse holds as far as it is a function of the source, in a form that compares."""

from collections import Counter
from typing import Any, NamedTuple

import psycopg

TABLES = {
    "songplays": "songplay_id",
    "user_events": "event_time, user_id, session_id, item_in_session, page",
    "users": "user_id",
    "user_levels": "user_id, valid_from",
    "songs": "song_id",
    "artists": "artist_id",
    "time": "start_time",
    "session_hours": "hour_start, user_id, session_id, level, location",
    "song_days": "day, song_title, artist_name, duration",
}
"""The tables, each with an order for its rows."""

EXAMPLES = 3


class Sum(NamedTuple):
    """How many rows a table has, and what their text adds up to, in whatever order they lie."""

    rows: int
    checksum: str


class Compared(NamedTuple):
    """One table in two warehouses, with some of the rows that only the one or the other holds."""

    one: Sum
    other: Sum
    only_one: list[str]
    only_other: list[str]

    @property
    def is_equal(self) -> bool:
        """Whether both hold the same rows."""
        return self.one == self.other


def compare(one: str, other: str) -> dict[str, Compared]:
    """Every table of two databases, which are given by their addresses."""
    with psycopg.connect(one) as mine, psycopg.connect(other) as theirs:
        return {table: _compared(mine, theirs, table) for table in TABLES}


def _compared(one: psycopg.Connection[Any], other: psycopg.Connection[Any], table: str) -> Compared:
    sums = _sum(one, table), _sum(other, table)
    if sums[0] == sums[1]:
        return Compared(*sums, [], [])
    mine, theirs = _rows(one, table), _rows(other, table)
    return Compared(*sums, _some(mine - theirs), _some(theirs - mine))


def _sum(client: psycopg.Connection[Any], table: str) -> Sum:
    hashes = f"('x' || left(md5({table}::text), 15))::bit(60)::bigint"
    query = f"select count(*), coalesce(sum({hashes}), 0) from {table}"
    [(rows, total)] = client.execute(query.encode()).fetchall()
    return Sum(rows, f"{int(total) % (1 << 64):016x}")


def _rows(client: psycopg.Connection[Any], table: str) -> Counter[str]:
    query = f"select {table}::text from {table} order by {TABLES[table]}"
    return Counter(row for (row,) in client.execute(query.encode()))


def _some(rows: Counter[str]) -> list[str]:
    return list(rows.elements())[:EXAMPLES]
