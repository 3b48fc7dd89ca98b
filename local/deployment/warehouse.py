"""The few questions that ``make run`` asks the warehouse when the load is done."""

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from local.deployment.environment import SOURCE_VARIABLE
from local.deployment.load import Span

# A warehouse of one's own may hold more than what was loaded from this source.
LOADED = {
    "songplays": "select count(*) from songplays where start_time >= %s and start_time < %s",
    "users": """
        select count(distinct user_id) from user_events where event_time >= %s and event_time < %s
        """,
    "songs": "select count(*) from songs",
    "artists": "select count(*) from artists",
    "time": "select count(*) from time where start_time >= %s and start_time < %s",
}
MATCHED = "select count(song_id) from songplays where start_time >= %s and start_time < %s"
LISTENERS = """
select count(distinct user_id) from songplays where start_time >= %s and start_time < %s
"""
LEVELS = """
select level, count(*) from users where user_id in (
    select user_id from user_events where event_time >= %s and event_time < %s
) group by level order by level
"""
MOST_PLAYED = """
select song_title, artist_name, sum(plays) as plays from song_days
where day >= cast(%s as date) and day < cast(%s as date)
group by song_title, artist_name order by plays desc, song_title, artist_name limit 10
"""
REJECTED = "select count(*) from rejected_rows where resolved_by is null and source = %s"
REJECTS = """
select source_file, line_number, reason from rejected_rows
where resolved_by is null and source = %s order by source_file, line_number limit 3
"""


@dataclass(frozen=True)
class Loaded:
    """What one load brought into the warehouse, or found there."""

    rows: dict[str, int]
    matched: int
    listeners: int
    levels: dict[str, int]
    rejected: int
    rejects: Sequence[Sequence[Any]]
    most_played: Sequence[Sequence[Any]]


def ask(exported: dict[str, str], span: Span) -> Loaded:
    """Ask everything in one connection."""
    source = [exported[SOURCE_VARIABLE]]
    between = [span.start.replace(tzinfo=None), span.end.replace(tzinfo=None)]
    with closing(_connect(exported)) as connection, closing(connection.cursor()) as cursor:

        def rows(sql: str, parameters: list[Any]) -> Sequence[Sequence[Any]]:
            cursor.execute(sql, parameters[: sql.count("%s")] or None)
            found: Sequence[Sequence[Any]] = cursor.fetchall()
            return found

        def value(sql: str, parameters: list[Any]) -> int:
            return int(rows(sql, parameters)[0][0])

        return Loaded(
            rows={table: value(sql, between) for table, sql in LOADED.items()},
            matched=value(MATCHED, between),
            listeners=value(LISTENERS, between),
            levels={row[0]: row[1] for row in rows(LEVELS, between)},
            rejected=value(REJECTED, source),
            rejects=rows(REJECTS, source),
            most_played=rows(MOST_PLAYED, between),
        )


def _connect(exported: dict[str, str]) -> Any:
    # Behind the stand-in for Redshift is the embedded one too.
    if "PGDATABASE" in exported:
        import psycopg

        return psycopg.connect(
            host=exported["PGHOST"], user=exported["PGUSER"], dbname=exported["PGDATABASE"]
        )
    # Another warehouse is reached as the tasks reach it. Importing Airflow takes seconds, so the
    # embedded one does without.
    os.environ.update(exported)
    from sparkify.warehouse import warehouse_hook

    return warehouse_hook().get_conn()
