"""What a staged table holds, in one number: so that every way is seen to do the same job."""

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
"""How many rows the star has, and how many plays a song."""


def fingerprint(uri: str, table: str) -> tuple[Any, ...]:
    """The number of rows, and a sum over all values of all rows, in whatever order."""
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
