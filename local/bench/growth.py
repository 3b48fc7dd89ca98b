"""Growth: the same day's plays loaded into a warehouse that holds more and more of them."""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import psycopg

from local.bench.bench import Bench
from local.bench.measure import Comparison, Run, Way, run_once
from local.simulator import World
from local.terminal.errors import Trouble

PLAYS = 100_000
USERS = 20_000
START = date(2018, 11, 1)

HISTORIES = (0, 20)
FULL_HISTORIES = (0, 20, 100)
"""So many times what the bench loads elsewhere: 10 and 50 million plays, unless it was cut down."""

TABLES = ("songplays", "user_events", "time", "users", "user_levels")

PLAYS_BEFORE = """
create temp view plays as
select
    number,
    timestamp '{start}' - (number + 1) * interval '36 ms' as start_time,
    cast(number as bigint) * 7919 % {users} + 1 as user_id,
    number / 50 as session_id
from generate_series({size} - 1, 0, -1) as number
"""

# Plays that came every 36 ms until the first day that is loaded: 100,000 an hour.
HISTORY = """
insert into songplays (
    songplay_id, start_time, user_id, level, song_id, artist_id, session_id, location, user_agent,
    item_in_session, song_title, artist_name, duration
)
select
    to_char(start_time, 'YYYYMMDDHH24MISSMS') || substring(md5(cast(number as text)), 1, 15),
    start_time, user_id, 'free', null, null, session_id, 'San Jose-Sunnyvale-Santa Clara, CA',
    'Mozilla/5.0 (Windows NT 6.1, WOW64, rv:31.0) Gecko/20100101 Firefox/31.0', number % 50,
    'A title of usual length ' || number % 40000, 'An artist ' || number % 5000, 200.5
from plays;
insert into user_events
select start_time, user_id, session_id, number % 50, 'NextSong', 'free', 'First', 'Last', 'F'
from plays;
insert into time
select
    start_time,
    extract(hour from start_time), extract(day from start_time), extract(week from start_time),
    extract(month from start_time), extract(year from start_time), extract(dow from start_time)
from plays;
insert into users
select user_id, 'First', 'Last', 'F', 'free', max(start_time) from plays group by user_id;
insert into user_levels
select user_id, 'free', min(start_time) from plays group by user_id
"""


# Takes a measured day out again, so that every turn loads it for the first time.
FORGET = """
delete from songplays where start_time >= '{start}';
delete from user_events where event_time >= '{start}';
delete from time where start_time >= '{start}'
"""


def run(bench: Bench) -> Iterator[Comparison]:
    """One day of simulated plays, about as many as an hour of a large service."""
    world = World(start=START, days=1, users=USERS, songs=1000, events=round(PLAYS / 0.84))
    source = bench.source(world)
    histories = FULL_HISTORIES if bench.full else HISTORIES
    sizes = [times * bench.events for times in histories]
    for size in sizes:
        _grow(bench, size, source.folder)
    ways = [_way(bench, f"{size:,} plays", size, source.folder, START) for size in sizes]
    loaded: set[int] = set()

    def check(way: Way, run: Run) -> None:  # noqa: ARG001 - the measured figures do not matter
        uri = bench.server.uri(way.environment["PGDATABASE"])
        since = f"start_time >= '{START}'"
        [[plays]] = bench.rows(uri, f"select count(*) from songplays where {since}")
        loaded.add(plays)
        if len(loaded) > 1 or not plays:
            raise Trouble(f"{way.name}: {plays:,} plays were loaded, and not always as many.")
        _forget(uri)

    def check_and_chill(way: Way, run: Run) -> None:
        check(way, run)
        _chill(bench)

    title = f"A run of {source.plays:,} plays into a history of"
    yield bench.compare(title, ways, check)
    if hasattr(os, "posix_fadvise"):  # not on macOS
        _chill(bench)
        yield bench.compare(
            f"The same, with nothing of it in memory: {title}", ways, check_and_chill
        )


def _way(bench: Bench, name: str, size: int, source: Path, day: date) -> Way:
    database = _database(size)
    return Way(
        name,
        "local.bench.loader:load",
        {"run_id": f"bench_{day}", "start": str(day), "end": str(day + timedelta(days=1))},
        {**bench.airflow(database, source), "PGDATABASE": database},
    )


def _database(size: int) -> str:
    return f"history_{size}"


def _grow(bench: Bench, size: int, source: Path) -> None:
    """A warehouse with so many plays, and the catalogue."""
    with bench.screen.step(f"Write a history of {size:,} plays"):
        uri = bench.database(_database(size))
        environment = bench.airflow(_database(size), source)
        run_once(Way("the tables", "local.bench.loader:make_tables", environment=environment))
        with psycopg.connect(uri, autocommit=True) as client:
            _write(client, size)
        # A day without events: loads the songs, which are not what grows.
        run_once(_way(bench, "the catalogue", size, source, START - timedelta(days=10_000)))


def _write(client: psycopg.Connection, size: int) -> None:
    """The rows first, the indexes afterwards: it takes half the time."""
    indexes = client.execute(
        "select tablename, indexname, indexdef from pg_indexes where tablename = any(%s)",
        [list(TABLES)],
    ).fetchall()
    for table, index, _ in indexes:
        client.execute(f"alter table {table} drop constraint if exists {index}".encode())
        client.execute(f"drop index if exists {index}".encode())
    client.execute(PLAYS_BEFORE.format(size=size, start=START, users=USERS).encode())
    for statement in HISTORY.split(";"):
        client.execute(statement.encode())
    for _, _, definition in indexes:
        client.execute(definition)
    for table in TABLES:
        client.execute(f"vacuum analyze {table}".encode())


def _forget(uri: str) -> None:
    with psycopg.connect(uri, autocommit=True) as client:
        for statement in FORGET.format(start=START).split(";"):
            client.execute(statement.encode())


def _chill(bench: Bench) -> None:
    """Leave nothing of the warehouse in memory, neither the server's nor the system's."""
    bench.server.stop()
    for file in bench.server.data.rglob("*"):
        if file.is_file():
            opened = os.open(file, os.O_RDONLY)
            try:
                os.fsync(opened)  # what is not written yet stays in memory
                os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(opened)
    bench.server.start()
