"""Each check of sql/quality on a warehouse that is right, and on one that is wrong in one way."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from local.servers.databases import database
from local.servers.postgres import EmbeddedPostgres
from local.tools.pipeline import Pipeline
from sparkify.macros import sql_files
from sparkify.operators.data_quality import DataQualityOperator
from sparkify.staging.names import staging_table
from tests.support.dags import task_of
from tests.support.sources import TestSource, play, song
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")

CHECKS = sql_files("quality") | sql_files("audit")
HOUR = ("2018-11-15T10:00:00Z", "2018-11-15T11:00:00Z")


def unkeyed(table: str, statement: str) -> str:
    """A change that only a warehouse without enforced keys, such as Redshift, lets through."""
    return f"alter table {table} drop constraint {table}_pkey; {statement}"


def doubled(table: str) -> str:
    return unkeyed(table, f"insert into {table} select * from {table}")


def newer_claim(published_at: str = "null") -> str:
    """A reading that began after the run's, and whose run loads the same time anew."""
    return (
        "insert into readings select 99, 'staging_events', 'newer', '2018-11-15', "
        f"'2018-11-15 10:00', '2018-11-15 12:00', {published_at}"
    )


def past_weeks(weeks: int, plays: int, loaded_by: str = "'past'") -> str:
    return (
        "insert into hour_loads (hour_start, asked_by, loaded_by, plays) "
        f"select timestamp '2018-11-15 10:00' - week * interval '7 days', 'past', {loaded_by}, "
        f"{plays} from generate_series(1, {weeks}) as week"
    )


def lost(removed: int, added: int = 0) -> str:
    """Changes that the run has recorded of hours that had held ten plays."""
    return (
        "insert into load_changes values "
        f"('run', 'songplays', '2018-11-15', 10, {10 - removed}, 0, {removed}, 0, 1, 1, 1, "
        f"'a file', now()), ('run', 'songplays', '2018-11-15', {10 - removed}, "
        f"{10 - removed + added}, {added}, 0, 0, 1, 1, 1, 'a file', now())"
    )


def past_matches(plays: int, matched: int, now: int) -> str:
    return (
        f"update load_runs set plays_published = {plays}, plays_matched = {now} "
        "where run_id = 'run'; insert into load_runs "
        "(run_id, window_start, window_end, plays_published, plays_matched, began_at) "
        f"values ('past', '2018-11-14', '2018-11-15', 1000, {matched}, '2018-11-15')"
    )


def plays_of(artist: str, count: int) -> str:
    return (
        "insert into songplays "
        "(songplay_id, start_time, user_id, session_id, item_in_session, artist_name, song_title) "
        f"select 'more' || n, '2018-11-15 10:30', 1, 9, n, '{artist}', 'Light' "
        f"from generate_series(1, {count}) as n"
    )


STARTS = (
    "insert into time select start_time + interval '1 second', hour, day, week, month, year, "
    "weekday from time where start_time > '2018-11-15 10:00'"
)
EVENTS = staging_table("run", "staging_events")
NO_PLAYS = f"update {EVENTS} set page = 'NextPage'"
MANY_EVENTS = f"insert into {EVENTS} select its.* from {EVENTS} as its, generate_series(1, 99)"
EMPTIED = "update file_ledger set row_count = 0 where run_id = 'run' and dataset = 'staging_songs'"
LEVELS = "update user_levels set level = 'gold' where user_id = 2"

WRONG = {
    "artists_on_earth": "update artists set latitude = 91",
    "artists_unique": doubled("artists"),
    "events_fresh": "update user_events set event_time = event_time - interval '25 hours'",
    "files_add_up": "update file_ledger set line_count = line_count + 1 where run_id = 'run'",
    "files_missing": "update file_ledger set etag = null where run_id = 'run'",
    "files_vanished": "update file_ledger set etag = null where run_id = 'run'",
    "files_mostly_rejected": "update file_ledger set reject_count = row_count + 1 "
    "where run_id = 'run'",
    "hours_as_busy": past_weeks(weeks=4, plays=20),
    "hours_as_loaded": "update hour_loads set content_in_files = content_in_files + 1 "
    "where hour_start = '2018-11-15 09:00'",
    "hours_emptied": f"update {EVENTS} set ts = '2018-11-15 11:00'",
    "keys_as_before": "update key_changes set kind = 'number' where column_name = 'page'",
    "lines_add_up": "update file_ledger set line_count = line_count + 1 where line_count > 1",
    "plays_add_up": "update load_runs set plays_published = plays_published - 1",
    "plays_kept": lost(removed=2),
    "plays_among_events": f"{NO_PLAYS}; {MANY_EVENTS}",
    "repaired_names_unique": unkeyed(
        "repaired_names",
        "insert into repaired_names select 'BjÃ¶rk', 'Björk' from generate_series(1, 2)",
    ),
    "reject_share": "update file_ledger set reject_count = 1, row_count = 98 "
    "where run_id = 'run' and dataset = 'staging_songs'",
    "session_hours_agree": "update session_hours set plays = plays + 1",
    "song_days_agree": "delete from song_days",
    "songplays_as_loaded": "delete from songplays where start_time < '2018-11-15 10:00'",
    "songplays_as_played": "update songplays set duration = round(duration)",
    "songplays_durations": "update songplays set duration = 0",
    "songplays_linked": "update songplays set song_id = null",
    "songplays_levels": "update songplays set level = 'gold'",
    "songplays_matched": past_matches(plays=100, matched=500, now=24),
    "songplays_mojibake": plays_of("BjÃ¶rk", 100),
    "songplays_named": "update songplays set song_title = null",
    "songplays_times_known": "delete from time",
    "songplays_unique": doubled("songplays"),
    "songplays_users_known": "delete from users where user_id = 1",
    "songs_artists_known": "delete from artists",
    "songs_as_delivered": "update songs set duration = 200",
    "song_copies_complete": "delete from song_copies",
    "songs_complete": "delete from songs",
    "songs_durations": "update songs set duration = 86400",
    "songs_emptied": EMPTIED,
    "songs_unique": doubled("songs"),
    "staging_songs_as_delivered": "update staging_songs set artist_location = 'Nowhere'",
    "staging_songs_unique": doubled("staging_songs"),
    "time_played": STARTS,
    "time_unique": doubled("time"),
    "user_agents_known": "delete from user_agents",
    "user_agents_unique": doubled("user_agents"),
    "user_events_unique": "insert into user_events select * from user_events",
    "user_levels_agree": LEVELS,
    "user_levels_unbroken": "update user_levels set valid_to = valid_to + interval '1 second'",
    "users_as_last_seen": "update users set level = 'paid' where user_id = 2",
    "users_forgotten": "insert into forgotten_users select user_id, 'request 7', 'run', now() "
    "from users where last_seen_at < '2018-11-15 11:00'",
    "users_genders": "update users set gender = 'X'",
    "users_unique": doubled("users"),
}
"""A change of the loaded warehouse after which a check fails, by check."""

VALUES = r"\b(Ada|Lovelace|London|Mozilla|Testers|Light|Björk|BjÃ¶rk|gold|SO1|ARTEST01|Nowhere)\b"
"""What the loaded records hold, and what the changes put there."""

ON_ITS_WAY = "; update song_files set published_at = null"
"""Another run is bringing songs."""

RIGHT = {
    "artists_on_earth": ["update artists set latitude = 90, longitude = -180"],
    "files_vanished": [
        "delete from file_ledger where run_id = 'earlier'; "
        "update file_ledger set etag = null where run_id = 'run'",
        # Published by a newer reading, to which the run leaves it.
        "update file_ledger set reading = 99 where run_id = 'earlier'; "
        "update file_ledger set etag = null where run_id = 'run'",
    ],
    "files_mostly_rejected": ["update file_ledger set reject_count = row_count"],
    "hours_emptied": [
        f"delete from {EVENTS} where ts > '2018-11-15 10:15'",
        f"{WRONG['hours_emptied']}; {newer_claim()}",
        f"delete from user_events; delete from {EVENTS}",
    ],
    "plays_kept": [lost(removed=1), lost(removed=5, added=4)],
    "plays_among_events": [NO_PLAYS, MANY_EVENTS],
    "reject_share": [
        "update file_ledger set reject_count = 1, row_count = 99 where dataset = 'staging_songs'"
    ],
    "hours_as_busy": [
        past_weeks(weeks=3, plays=1000),
        past_weeks(weeks=8, plays=19),
        past_weeks(weeks=8, plays=1000, loaded_by="null"),
        past_weeks(weeks=4, plays=1000)
        + "; update hour_loads set plays = 500 where hour_start = '2018-11-15 10:00'",
    ],
    "songplays_as_played": [f"update songplays set duration = 1; {newer_claim('now()')}"],
    "songplays_matched": [
        past_matches(plays=100, matched=500, now=26),
        past_matches(plays=99, matched=500, now=0),
        past_matches(plays=100, matched=199, now=0),
    ],
    "songplays_mojibake": [plays_of("BjÃ¶rk", 90), plays_of("Björk", 200)],
    "songplays_linked": [WRONG["songplays_linked"] + ON_ITS_WAY],
    "songs_complete": [
        WRONG["songs_complete"] + ON_ITS_WAY,
        # Another run's to answer for: this one has brought no songs.
        WRONG["songs_complete"] + "; update file_ledger set run_id = 'other' where run_id = 'run'",
    ],
    "songs_emptied": [
        f"{EMPTIED}; update song_files set songs = 0",
        f"{EMPTIED}; update song_files set reading = reading + 1",
        f"{EMPTIED}; insert into song_files select 'other', source, etag, reading, 99 "
        "from song_files",
    ],
    # A newer reading has entered what its plays go by, and not yet its plays.
    "time_played": [f"{STARTS}; {newer_claim()}"],
    "user_levels_agree": [f"{LEVELS}; {newer_claim()}"],
    "users_as_last_seen": [
        f"delete from user_events where user_id = 2; {newer_claim()}",
        "update hour_loads set loaded_by = 'earlier' where hour_start = '2018-11-15 11:00'; "
        f"insert into user_events (event_time, user_id) values ('2018-11-15 11:30', 2); "
        f"{newer_claim()}",
        # A run that is loading the next hour has entered its events, and not yet its users.
        "insert into user_events (event_time, user_id, level) "
        "values ('2018-11-15 11:30', 2, 'paid')",
    ],
}
"""Changes after which a check still passes, however near."""


@pytest.fixture(scope="module")
def loaded(
    server: EmbeddedPostgres,
    dags: dict[str, DAG],
    empty_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """A database in which two hours are loaded, the second by ``run``, still with its staging."""
    source = TestSource(tmp_path_factory.mktemp("checks"))
    source.events(
        play("2018-11-15 09:00:00"),
        play("2018-11-15 10:00:00", itemInSession=1),
        play("2018-11-15 10:10:00", itemInSession=2, level="paid"),
        play("2018-11-15 10:20:00", userId="2", song="Second Light"),
    )
    source.songs(song("SO1", artist_location="Here"))
    with (
        pytest.MonkeyPatch.context() as patch,
        database(server, "loaded_warehouse", like=empty_database) as name,
    ):
        patch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", server.connection(name))
        patch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", source.url)
        pipeline = Pipeline(dags["sparkify"])
        pipeline.run("2018-11-15T09:00:00Z", HOUR[0], run_id="earlier")
        # Changed, so that the run reads it again.
        source.songs(song("SO1", artist_location="There"))
        context = pipeline.context(*HOUR, run_id="run")
        for task_id in pipeline.order():
            if task_id != "drop_staging":
                pipeline.run_task(task_id, context)
        yield name


@pytest.fixture
def warehouse(
    server: EmbeddedPostgres, loaded: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """A copy of the loaded warehouse."""
    with database(server, "checked_warehouse", like=loaded) as name:
        monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", server.connection(name))
        with psycopg.connect(server.uri(name), autocommit=True) as client:
            yield Warehouse(client)


@pytest.fixture
def result(
    dags: dict[str, DAG], warehouse: Warehouse, capfd: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[Any, ...]]:
    """Asks one check again, after a change; whether it passed, and its value."""

    def ask(name: str) -> tuple[Any, ...]:
        operator = DataQualityOperator(task_id="again", checks={name: CHECKS[name]})
        run_id = "scheduled__1" if name == "events_fresh" else "run"
        context: Any = Pipeline(dags["sparkify"]).context(*HOUR, run_id=run_id)
        operator.render_template_fields(context, dags["sparkify"].get_template_env())
        told = ""
        try:
            operator.execute(context)
        except Exception as failure:
            told = str(failure)
            assert name in told
        told += "".join(capfd.readouterr())
        assert not re.search(VALUES, told), "The rows stay in the warehouse."
        [found] = warehouse.rows(
            "select passed, value from quality_results where task_id = 'again'"
        )
        return found

    return ask


def test_every_check_is_shown_to_fail() -> None:
    assert sorted(WRONG) == sorted(CHECKS), "Say in WRONG what makes the check fail."


def test_on_a_right_warehouse_every_check_passes(warehouse: Warehouse) -> None:
    found = warehouse.rows(
        "select check_name, passed from quality_results where run_id = 'run' order by 1"
    )
    assert found == [(name, True) for name in sorted(CHECKS)]


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_a_wrong_warehouse_fails(
    name: str, result: Callable[[str], tuple[Any, ...]], warehouse: Warehouse
) -> None:
    assert result(name)[0] is True
    warehouse.client.execute("delete from quality_results where task_id = 'again'")
    warehouse.client.execute(WRONG[name])
    passed, value = result(name)
    assert passed is False
    assert value > 0


@pytest.mark.parametrize(
    ("name", "change"), [(name, change) for name, changes in RIGHT.items() for change in changes]
)
def test_what_is_unusual_but_right_passes(
    name: str, change: str, result: Callable[[str], tuple[Any, ...]], warehouse: Warehouse
) -> None:
    warehouse.client.execute(change)
    assert result(name)[0] is True


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("time_played", STARTS),
        ("user_levels_agree", LEVELS),
        ("users_as_last_seen", "delete from user_events where user_id = 2"),
    ],
)
def test_what_a_newer_reading_has_published_is_checked(
    name: str, change: str, result: Callable[[str], tuple[Any, ...]], warehouse: Warehouse
) -> None:
    warehouse.client.execute(f"{change}; {newer_claim('now()')}".encode())
    assert result(name)[0] is False


ANY = "delete from song_files"
ITS_FILES = f"{ANY} where source_file in (select source_file from song_copies)"
MENDED = {
    "artists_unique": f"delete from artists; {ANY}",
    "song_copies_complete": ANY,
    "songs_artists_known": ANY,
    "songs_as_delivered": ITS_FILES,
    "songs_complete": ANY,
    "songs_unique": f"delete from songs; {ANY}",
    "staging_songs_as_delivered": ITS_FILES,
    "staging_songs_unique": f"delete from staging_songs; {ANY}",
}
"""What a check of the catalogue advises, before the next run."""


@pytest.mark.parametrize("name", MENDED)
def test_the_next_run_makes_the_catalogue_right_again_as_its_checks_say(
    name: str,
    result: Callable[[str], tuple[Any, ...]],
    warehouse: Warehouse,
    dags: dict[str, DAG],
) -> None:
    warehouse.client.execute(WRONG[name])
    warehouse.client.execute(MENDED[name])
    Pipeline(dags["sparkify"]).run(*HOUR, run_id="next")
    warehouse.client.execute("update file_ledger set run_id = 'run' where run_id = 'next'")
    assert result(name) == (True, 0)


@pytest.mark.parametrize(
    ("name", "table"),
    [("lines_add_up", "load_runs"), ("plays_add_up", "load_runs"), ("reject_share", "file_ledger")],
)
def test_an_account_that_is_not_there_is_no_pass(
    name: str, table: str, result: Callable[[str], tuple[Any, ...]], warehouse: Warehouse
) -> None:
    warehouse.client.execute(f"delete from {table}")
    assert result(name) == (False, None)


def test_only_the_schedule_asks_whether_events_are_fresh(
    dags: dict[str, DAG], warehouse: Warehouse
) -> None:
    warehouse.client.execute("delete from user_events")
    task = task_of(dags["sparkify"], "check_quality", DataQualityOperator)
    check = DataQualityOperator(task_id="again", checks={"f": task.checks["events_fresh"]})
    context: Any = Pipeline(dags["sparkify"]).context(*HOUR, run_id="backfill__1")
    check.render_template_fields(context, dags["sparkify"].get_template_env())
    check.execute(context)
    assert warehouse.column("select passed from quality_results where task_id = 'again'") == [True]


def test_how_old_events_may_be_is_a_number_and_nothing_else(
    dags: dict[str, DAG], warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_STALE_HOURS", "24\nselect 1; drop table users; --")
    check = DataQualityOperator(task_id="again", checks={"f": CHECKS["events_fresh"]})
    context: Any = Pipeline(dags["sparkify"]).context(*HOUR, run_id="scheduled__1")
    with pytest.raises(AirflowFailException, match=r"sparkify_stale_hours is .* a whole number"):
        check.render_template_fields(context, dags["sparkify"].get_template_env())
