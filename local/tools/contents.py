"""Comparison of those warehouse tables that are a function of the source."""

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
"""The tables and the order of their rows."""

EXAMPLES = 3


class Checksum(NamedTuple):
    """A table's row count and an order-independent checksum."""

    rows: int
    checksum: str


class TableDiff(NamedTuple):
    """A table in two warehouses, with examples of rows that only one of them has."""

    one: Checksum
    other: Checksum
    only_one: list[str]
    only_other: list[str]

    @property
    def is_equal(self) -> bool:
        """Whether both have the same rows."""
        return self.one == self.other


def compare(one: str, other: str) -> dict[str, TableDiff]:
    """Compare every table of two databases, given their URIs."""
    with psycopg.connect(one) as mine, psycopg.connect(other) as theirs:
        return {table: _diff(mine, theirs, table) for table in TABLES}


def _diff(one: psycopg.Connection[Any], other: psycopg.Connection[Any], table: str) -> TableDiff:
    sums = _sum(one, table), _sum(other, table)
    if sums[0] == sums[1]:
        return TableDiff(*sums, [], [])
    mine, theirs = _rows(one, table), _rows(other, table)
    return TableDiff(*sums, _some(mine - theirs), _some(theirs - mine))


def _sum(client: psycopg.Connection[Any], table: str) -> Checksum:
    hashes = f"('x' || left(md5({table}::text), 15))::bit(60)::bigint"
    query = f"select count(*), coalesce(sum({hashes}), 0) from {table}"
    [(rows, total)] = client.execute(query.encode()).fetchall()
    return Checksum(rows, f"{int(total) % (1 << 64):016x}")


def _rows(client: psycopg.Connection[Any], table: str) -> Counter[str]:
    query = f"select {table}::text from {table} order by {TABLES[table]}"
    return Counter(row for (row,) in client.execute(query.encode()))


def _some(rows: Counter[str]) -> list[str]:
    return list(rows.elements())[:EXAMPLES]
