"""Fingerprint of a staged table, to verify that every case does the same job."""

from typing import Any

import psycopg

COLUMNS = {
    "artist": "text",
    "auth": "text",
    "firstname": "text",
    "gender": "text",
    "iteminsession": "integer",
    "lastname": "text",
    "length": "double precision",
    "level": "text",
    "location": "text",
    "method": "text",
    "page": "text",
    "registration": "double precision",
    "sessionid": "bigint",
    "song": "text",
    "status": "integer",
    "ts": "timestamp",
    "useragent": "text",
    "userid": "bigint",
}

STAR = """
select (select count(*) from songplays), (select count(*) from users), (select count(*) from songs),
    (select count(*) from artists), (select count(*) from time),
    (select count(song_id) from songplays)
"""
"""The row counts of the star schema, and the number of matched plays."""


def fingerprint(uri: str, table: str) -> tuple[Any, ...]:
    """Return the number of rows and an order-independent checksum of their values."""
    values = ", ".join(
        f"nullif({name}, '')" if kind == "text" else f"cast({name} as {kind})"
        for name, kind in COLUMNS.items()
    )
    query = (
        f"select count(*), sum(cast(hashtextextended(cast(row({values}) as text), 0) as numeric)) "
        f"from {table}"
    )
    with psycopg.connect(uri) as client:
        [row] = client.execute(query.encode()).fetchall()
    return tuple(row)
