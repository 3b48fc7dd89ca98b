"""Growth: the same day's plays loaded into warehouses with ever longer histories."""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import psycopg

from local.bench.bench import Bench
from local.bench.measure import Case, Comparison, Run, run_once
from local.simulator import World
from local.terminal.errors import UserError

PLAYS = 100_000
USERS = 20_000
START = date(2018, 11, 1)

HISTORIES = (0, 20)
FULL_HISTORIES = (0, 20, 100)
"""In multiples of the default number of events: 10 and 50 million plays."""

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

# One play every 36 ms, 100,000 per hour, up to the first day that is loaded.
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
select user_id, 'free', min(start_time) from plays group by user_id;
insert into hour_loads (hour_start, asked_by, plays)
select date_trunc('hour', start_time), 'history', count(*) from plays group by 1
"""


# Removes the measured day, so that every repetition loads it for the first time.
DELETE_DAY = """
delete from songplays where start_time >= '{start}';
delete from user_events where event_time >= '{start}';
delete from time where start_time >= '{start}'
"""


def run(bench: Bench) -> Iterator[Comparison]:
    """Load a day of simulated plays, about as many as a large service has in an hour."""
    world = World(start=START, days=1, users=USERS, songs=1000, events=round(PLAYS / 0.84))
    source = bench.source(world)
    histories = FULL_HISTORIES if bench.full else HISTORIES
    sizes = [times * bench.events for times in histories]
    for size in sizes:
        _create_history(bench, size, source.folder)
    cases = [_way(bench, f"{size:,} plays", size, source.folder, START) for size in sizes]
    loaded: set[int] = set()

    def check(case: Case, run: Run) -> None:  # noqa: ARG001 - the measurements do not matter
        uri = bench.server.uri(case.environment["PGDATABASE"])
        since = f"start_time >= '{START}'"
        [[plays]] = bench.rows(uri, f"select count(*) from songplays where {since}")
        loaded.add(plays)
        if len(loaded) > 1 or not plays:
            raise UserError(f"{case.name} loaded {plays:,} plays: none, or not as many as others.")
        _delete_day(uri)

    def check_and_drop_caches(case: Case, run: Run) -> None:
        check(case, run)
        _drop_caches(bench)

    title = f"A run of {source.plays:,} plays into a history of"
    yield bench.compare(title, cases, check)
    if hasattr(os, "posix_fadvise"):  # not on macOS
        _drop_caches(bench)
        yield bench.compare(f"With cold caches: {title}", cases, check_and_drop_caches)


def _way(bench: Bench, name: str, size: int, source: Path, day: date) -> Case:
    database = _database(size)
    return Case(
        name,
        "local.bench.loader:load",
        {"run_id": f"bench_{day}", "start": str(day), "end": str(day + timedelta(days=1))},
        {**bench.airflow(database, source), "PGDATABASE": database},
    )


def _database(size: int) -> str:
    return f"history_{size}"


def _create_history(bench: Bench, size: int, source: Path) -> None:
    """Create a warehouse with the catalogue and this many plays."""
    with bench.screen.step(f"Writing a history of {size:,} plays"):
        uri = bench.database(_database(size))
        environment = bench.airflow(_database(size), source)
        run_once(Case("the tables", "local.bench.loader:create_tables", environment=environment))
        with psycopg.connect(uri, autocommit=True) as client:
            _write(client, size)
        # A day without events loads only the songs, whose number stays the same.
        run_once(_way(bench, "the catalogue", size, source, START - timedelta(days=10_000)))


def _write(client: psycopg.Connection, size: int) -> None:
    """Write the rows first and the indexes afterwards, which takes half the time."""
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


def _delete_day(uri: str) -> None:
    with psycopg.connect(uri, autocommit=True) as client:
        for statement in DELETE_DAY.format(start=START).split(";"):
            client.execute(statement.encode())


def _drop_caches(bench: Bench) -> None:
    """Evict the warehouse from the server's and the system's memory."""
    bench.server.stop()
    for file in bench.server.data.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.fsync(descriptor)  # dirty pages cannot be evicted
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)
    bench.server.start()
