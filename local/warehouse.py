"""The few questions that ``make run`` asks the warehouse when the load is done."""

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from local.settings import WAREHOUSE_CONNECTION

TABLES = ("songplays", "users", "songs", "artists", "time")
LEVELS = "select level, count(*) from users group by level order by level"
MOST_PLAYED = "select title, artist, plays from most_played_songs limit 10"
REJECTS = """
select source_file, line_number, reason from rejected_rows where resolved_by is null
order by source_file, line_number limit 3
"""


@dataclass(frozen=True)
class Loaded:
    """What the warehouse holds."""

    rows: dict[str, int]
    matched: int
    levels: dict[str, int]
    rejected: int
    rejects: Sequence[Sequence[Any]]
    most_played: Sequence[Sequence[Any]]


def ask(exported: dict[str, str]) -> Loaded:
    """Ask everything in one connection."""
    with closing(_connect(exported)) as connection, closing(connection.cursor()) as cursor:

        def rows(sql: str) -> Sequence[Sequence[Any]]:
            cursor.execute(sql)
            found: Sequence[Sequence[Any]] = cursor.fetchall()
            return found

        return Loaded(
            rows={table: rows(f"select count(*) from {table}")[0][0] for table in TABLES},
            matched=rows("select count(song_id) from songplays")[0][0],
            levels={row[0]: row[1] for row in rows(LEVELS)},
            rejected=rows("select count(*) from rejected_rows where resolved_by is null")[0][0],
            rejects=rows(REJECTS),
            most_played=rows(MOST_PLAYED),
        )


def _connect(exported: dict[str, str]) -> Any:
    # Behind the stand-in for Redshift is the embedded one too.
    if not os.environ.get(WAREHOUSE_CONNECTION):
        import psycopg

        return psycopg.connect(
            host=exported["PGHOST"], user=exported["PGUSER"], dbname=exported["PGDATABASE"]
        )
    # Another warehouse is reached as the tasks reach it. Importing Airflow takes seconds, so the
    # embedded one does without.
    os.environ.update(exported)
    from sparkify.warehouse import warehouse_hook

    return warehouse_hook().get_conn()
