"""The queries behind the closing screen of ``make run``."""

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from local.deployment.environment import SOURCE_VARIABLE
from local.deployment.load import Span

# Restricted to this load: the user's own warehouse may hold more.
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
    """Row counts and top songs of one load."""

    rows: dict[str, int]
    matched: int
    listeners: int
    levels: dict[str, int]
    rejected: int
    rejects: Sequence[Sequence[Any]]
    most_played: Sequence[Sequence[Any]]


def ask(exported: dict[str, str], span: Span) -> Loaded:
    """Run every query on one connection."""
    source = [exported[SOURCE_VARIABLE]]
    time_range = [span.start.replace(tzinfo=None), span.end.replace(tzinfo=None)]
    with closing(_connect(exported)) as connection, closing(connection.cursor()) as cursor:

        def rows(sql: str, parameters: list[Any]) -> Sequence[Sequence[Any]]:
            cursor.execute(sql, parameters[: sql.count("%s")] or None)
            found: Sequence[Sequence[Any]] = cursor.fetchall()
            return found

        def value(sql: str, parameters: list[Any]) -> int:
            return int(rows(sql, parameters)[0][0])

        return Loaded(
            rows={table: value(sql, time_range) for table, sql in LOADED.items()},
            matched=value(MATCHED, time_range),
            listeners=value(LISTENERS, time_range),
            levels={row[0]: row[1] for row in rows(LEVELS, time_range)},
            rejected=value(REJECTED, source),
            rejects=rows(REJECTS, source),
            most_played=rows(MOST_PLAYED, time_range),
        )


def _connect(exported: dict[str, str]) -> Any:
    # The stand-in for Redshift is backed by the embedded PostgreSQL, too.
    if "PGDATABASE" in exported:
        import psycopg

        return psycopg.connect(
            host=exported["PGHOST"], user=exported["PGUSER"], dbname=exported["PGDATABASE"]
        )
    # Connect to another warehouse as the tasks do. The embedded one does without this import, which
    # takes seconds.
    os.environ.update(exported)
    from sparkify.warehouse import warehouse_hook

    return warehouse_hook().get_conn()
