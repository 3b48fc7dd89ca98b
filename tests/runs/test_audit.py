"""Damage by hand: each table of the star is changed in turn, found, marked and mended."""

import json
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from airflow.cli.cli_parser import get_parser
from airflow.sdk import DAG

from local.servers.databases import database
from local.servers.postgres import EmbeddedPostgres
from local.tools.pipeline import Pipeline
from sparkify.runs.audit import Audit, Damage, forget_catalogue
from sparkify.warehouse import warehouse_hook
from sparkify.window import HOUR, Window
from tests.support.sources import Bucket, TestSource, play, song, visit
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")

DAY = datetime(2018, 11, 15, tzinfo=UTC)
FUTURE = datetime(2081, 1, 1, tzinfo=UTC)


def audit(hours: Window | None = None) -> Damage:
    return Audit(warehouse_hook(), hours).run(lambda table: None)


def found_in(damage: Damage) -> list[tuple[int, str]]:
    """The hours that are damaged, counted from the day's first, each with the tables."""
    return [((start - DAY) // HOUR, damage.tables_of(start)) for start in damage.starts]


def printed(damage: Damage) -> list[str]:
    """The commands that an audit prints."""
    newest = Audit(warehouse_hook()).newest()
    lines = damage.describe(newest).splitlines()
    return [line.strip() for line in lines if line.startswith("  airflow ")]


def follow(command: str, pipeline: Pipeline) -> None:
    """Do what a printed command does, as Airflow's parser understands it."""
    args = get_parser().parse_args(shlex.split(command)[1:])
    if args.subcommand == "backfill":
        assert (args.dag_id, args.reset_dagruns) == ("sparkify", True)
        hour = args.start_date.moment
        while hour <= args.end_date.moment:
            pipeline.run_hour(hour)
            hour += timedelta(hours=1)
    elif args.subcommand == "trigger":
        conf = json.loads(args.conf)
        pipeline.run(conf["start"], conf["end"])
    else:
        assert args.catalogue
        forget_catalogue(warehouse_hook())


def states(warehouse: Warehouse) -> dict[int, str]:
    rows = warehouse.rows("select hour_start, state from hour_states")
    return {(hour.replace(tzinfo=UTC) - DAY) // HOUR: state for hour, state in rows}


@pytest.fixture(scope="module")
def loaded(
    server: EmbeddedPostgres,
    dags: dict[str, DAG],
    empty_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, str]]:
    """
    A database with two days, and its source.

    Users change level and names are garbled; an hour is quiet, and the others of the day are not
    loaded.
    """
    source = TestSource(tmp_path_factory.mktemp("audit"))
    source.events(
        play("2018-11-15 09:00:00.5"),
        play("2018-11-15 10:00:00", itemInSession=1, level="paid"),
        play("2018-11-15 10:10:00", userId="2", song="Second Light", artist="BjÃ¶rk"),
        visit("2018-11-15 10:30:00", userId="3"),
        play("2018-11-15 12:00:00", itemInSession=2, level="paid"),
        play("2018-11-15 12:30:00", userId="2", sessionId=2),
        play("2018-11-16 09:00:00", userId="2", sessionId=3),
    )
    source.songs(
        song("SO1", artist_location="Here"),
        song("SO2", title="Second Light", artist_name="Björk", artist_id="ARTEST02"),
    )
    with (
        pytest.MonkeyPatch.context() as patch,
        database(server, "sound_warehouse", like=empty_database) as name,
    ):
        patch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", server.connection(name))
        patch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", source.url)
        pipeline = Pipeline(dags["sparkify"])
        pipeline.run("2018-11-15T09:00:00Z", "2018-11-15T13:00:00Z")
        pipeline.run_hour(DAY + 33 * HOUR)
        yield name, source.url


@pytest.fixture
def warehouse(
    server: EmbeddedPostgres, loaded: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """A copy of it."""
    with database(server, "audited_warehouse", like=loaded[0]) as name:
        monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", server.connection(name))
        monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", loaded[1])
        with psycopg.connect(server.uri(name), autocommit=True) as client:
            yield Warehouse(client)


TEN, NEXT_DAY = "'2018-11-15 10:00'", "'2018-11-16'"
OF_TEN = f"start_time >= {TEN} and start_time < '2018-11-15 11:00'"
DAMAGES: dict[str, tuple[str, list[tuple[int, str]]]] = {
    "a play is deleted": (f"delete from songplays where start_time = {TEN}", [(10, "songplays")]),
    "a play is changed": (
        f"update songplays set song_title = 'X' where start_time = {TEN}",
        [(10, "songplays")],
    ),
    "a play is moved to a quiet hour": (
        f"update songplays set start_time = '2018-11-15 11:05' where start_time = {TEN}",
        [(10, "songplays"), (11, "songplays")],
    ),
    "a play is added": (
        "insert into songplays (songplay_id, start_time, user_id, session_id, item_in_session) "
        "values ('x', '2018-11-15 11:00', 1, 9, 9)",
        [(11, "songplays")],
    ),
    "a play is added where no run was": (
        "insert into songplays (songplay_id, start_time, user_id, session_id, item_in_session) "
        "values ('x', '2018-11-15 03:00', 1, 9, 9)",
        [(3, "songplays")],
    ),
    "a link is changed": (
        f"update songplays set song_id = 'SO1' where {OF_TEN} and user_id = 2",
        [(10, "links")],
    ),
    "a link is taken out": (
        f"update songplays set song_id = null where {OF_TEN} and user_id = 2",
        [(10, "links")],
    ),
    "every event of a user is deleted": (
        "delete from user_events where user_id = 3",
        [(10, "user_events")],
    ),
    "an event is changed": (
        "update user_events set level = 'paid' where user_id = 3",
        [(10, "user_events")],
    ),
    "an event is added": (
        "insert into user_events (event_time, user_id) values ('2018-11-15 11:59', 4)",
        [(11, "user_events")],
    ),
    "a start is deleted": (f"delete from time where start_time = {TEN}", [(10, "time")]),
    "a start is changed": (f"update time set week = 1 where start_time = {TEN}", [(10, "time")]),
    "a start is added": (
        "insert into time select '2018-11-15 11:00', hour, day, week, month, year, weekday "
        f"from time where start_time = {TEN}",
        [(11, "time")],
    ),
    "a user is deleted": ("delete from users where user_id = 1", [(12, "users")]),
    "a user is changed": (
        "update users set first_name = 'Eve' where user_id = 1",
        [(12, "users")],
    ),
    "a user is set back": (
        f"update users set level = 'free', last_seen_at = {TEN} where user_id = 1",
        [(10, "users"), (12, "users")],
    ),
    "a user is added": (
        "insert into users (user_id, last_seen_at) values (9, '2018-11-15 11:00')",
        [(11, "users")],
    ),
    "a spell is deleted": (
        "delete from user_levels where user_id = 1 and level = 'paid'",
        [(10, "user_levels")],
    ),
    "the first spell is deleted": (
        "delete from user_levels where user_id = 1 and level = 'free'",
        [(9, "user_levels")],
    ),
    "a spell is changed": (
        "update user_levels set level = 'gold' where user_id = 1 and level = 'paid'",
        [(10, "user_levels")],
    ),
    "a spell is moved": (
        "update user_levels set valid_from = '2018-11-15 09:30' "
        "where user_id = 1 and level = 'paid'",
        [(9, "user_levels"), (10, "user_levels")],
    ),
    "a spell is added": (
        "insert into user_levels (user_id, level, valid_from) values (2, 'x', '2018-11-15 11:00')",
        [(11, "user_levels")],
    ),
    "an hour of a session is deleted": (
        f"delete from session_hours where hour_start = {TEN} and user_id = 1",
        [(10, "session_hours")],
    ),
    "an hour of a session is changed": (
        f"update session_hours set location = 'X' where hour_start = {TEN}",
        [(10, "session_hours")],
    ),
    "an hour of a session is added": (
        "insert into session_hours select '2018-11-15 11:00', user_id, session_id, level, location,"
        f"plays, first_play, last_play from session_hours where hour_start = {TEN} and user_id = 1",
        [(11, "session_hours")],
    ),
    "a day of a song is deleted": (
        f"delete from song_days where day = {NEXT_DAY}",
        [(33, "song_days")],
    ),
    "a day of a song is changed": (
        "update song_days set artist_name = 'X' where song_title = 'Second Light'",
        [(9, "song_days")],
    ),
    "a day of a song is added": (
        "insert into song_days (day, song_title, plays) values ('2018-11-17', 'X', 0)",
        [(48, "song_days")],
    ),
}


MENDED = {
    "a play is changed",
    "a play is moved to a quiet hour",
    "a play is added where no run was",
    "a link is taken out",
    "every event of a user is deleted",
    "a start is changed",
    "a user is changed",
    "a user is set back",
    "a spell is moved",
    "an hour of a session is deleted",
    "a day of a song is changed",
    "a day of a song is added",
}
"""Whose commands are tried: one a table, and what lies in the way of others."""


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_in_its_hours_only_and_the_printed_commands_mend_it(
    name: str, warehouse: Warehouse, pipeline: Pipeline
) -> None:
    damage, hours = DAMAGES[name]
    before, sound = warehouse.contents(), states(warehouse)
    warehouse.client.execute(damage)
    damaged = audit()
    assert found_in(damaged) == hours
    marked = dict.fromkeys((hour for hour, _ in hours), "damaged")
    assert states(warehouse) == sound | marked
    if name not in MENDED:
        return
    for command in printed(damaged):
        follow(command, pipeline)
    assert warehouse.contents() == before
    assert not audit().was_found
    assert "damaged" not in states(warehouse).values()


CATALOGUE_DAMAGES = {
    "a song is deleted": "delete from songs where song_id = 'SO1'",
    "a song is changed": "update songs set title = 'X' where song_id = 'SO1'",
    "a song is added": "insert into songs (song_id, artist_id) values ('SO9', 'ARTEST01')",
    "an artist is changed": "update artists set location = 'X' where artist_id = 'ARTEST01'",
    "an artist is added": "insert into artists (artist_id, taken_from_song_id) values ('A', 'S')",
    "a song of the mirror is deleted": "delete from staging_songs where song_id = 'SO1'",
}


@pytest.mark.parametrize("damage", CATALOGUE_DAMAGES.values(), ids=CATALOGUE_DAMAGES)
def test_the_catalogue_is_read_again_where_it_is_damaged(
    damage: str, warehouse: Warehouse, pipeline: Pipeline
) -> None:
    before = warehouse.contents()
    warehouse.client.execute(damage)
    whole = audit()
    assert whole.catalogue
    assert whole.starts == []
    assert whole.left_out == {"links": "the catalogue is damaged"}
    commands = printed(whole)
    assert [shlex.split(command)[2] for command in commands] == ["forget", "backfill"]
    for command in commands:
        follow(command, pipeline)
    assert warehouse.contents() == before
    assert not audit().was_found


def test_a_sound_warehouse_is_sound(warehouse: Warehouse) -> None:
    before = states(warehouse)
    damage = audit()
    assert damage == Damage()
    assert damage.describe(None) == "No damage was found."
    assert states(warehouse) == before


@pytest.mark.parametrize(
    "damage",
    [
        "delete from repaired_names",
        "update repaired_names set repaired = 'X'",
        "insert into repaired_names values ('First Light', 'Last Light')",
        "insert into repaired_names values ('Nobody plays it', 'X')",
    ],
)
def test_readable_names_are_put_right_at_once(damage: str, warehouse: Warehouse) -> None:
    before = warehouse.rows("select * from repaired_names")
    warehouse.client.execute(damage)
    whole = audit()
    assert (whole.names, whole.starts) == (1, [])
    assert "now corrected" in whole.describe(None)
    assert warehouse.rows("select * from repaired_names") == before
    assert not audit().was_found


def test_a_range_is_audited_alone(warehouse: Warehouse) -> None:
    warehouse.client.execute("delete from time; delete from session_hours; delete from song_days")
    assert found_in(audit(Window(DAY + 10 * HOUR, DAY + 11 * HOUR))) == [
        (10, "time, session_hours, song_days")
    ]
    assert states(warehouse) == {
        9: "loaded",
        10: "damaged",
        11: "quiet",
        12: "loaded",
        33: "loaded",
    }


def test_what_is_derived_from_a_damaged_table_is_not_judged(warehouse: Warehouse) -> None:
    warehouse.client.execute("delete from user_events where user_id = 1")
    damage = audit()
    assert damage.left_out == dict.fromkeys(("users", "user_levels"), "user_events is damaged")
    assert "Not audited" in damage.describe(None)


def test_hours_that_a_run_has_begun_are_left_to_it(
    warehouse: Warehouse, pipeline: Pipeline
) -> None:
    context = pipeline.context("2018-11-15T10:00:00Z", "2018-11-15T11:00:00Z", run_id="begun")
    for task_id in ("stage_events", "audit_staged", "load_user_events"):
        pipeline.run_task(task_id, context)
    warehouse.client.execute(f"delete from time where {OF_TEN}".encode())
    damage = audit()
    assert damage.starts == []
    assert set(damage.left_out) == {"users", "user_levels", "songs", "artists", "links"}


def test_a_row_in_the_future_is_mended_by_a_run_of_its_range(
    warehouse: Warehouse, pipeline: Pipeline
) -> None:
    before = warehouse.contents()
    warehouse.client.execute("update users set last_seen_at = '2081-01-01' where user_id = 1")
    commands = printed(audit())
    assert [shlex.split(command)[2] for command in commands] == ["backfill", "trigger"]
    for command in commands:
        follow(command, pipeline)
    assert warehouse.contents() == before
    assert not audit().was_found


def test_many_damaged_hours_are_told_in_a_line_a_table(warehouse: Warehouse) -> None:
    warehouse.client.execute("delete from songplays where start_time < '2018-11-15 11:00'")
    assert audit().describe(None).splitlines() == [
        "  songplays      2018-11-15 09:00 to 2018-11-15 11:00: 0 rows, not 3",
        "To fix it:",
        "  airflow dags backfill --reset-dagruns -s 2018-11-15T09:00 -e 2018-11-15T10:00 sparkify",
    ]


def test_the_next_run_of_the_same_files_names_the_damaged_hour_and_stays_green(
    warehouse: Warehouse, pipeline: Pipeline
) -> None:
    warehouse.client.execute(f"delete from songplays where start_time = {TEN}".encode())
    pipeline.run_hour(DAY + 12 * HOUR)
    assert warehouse.column("select check_name from quality_results where not passed") == [
        "songplays_as_loaded"
    ]
    assert states(warehouse)[10] == "damaged"
    assert states(warehouse)[12] == "loaded"


def test_on_redshift_damage_is_found_and_mended(
    source: TestSource,
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
) -> None:
    source.events(play("2018-11-15 09:00:00.5"), play("2018-11-15 10:00:00", itemInSession=1))
    source.songs(song("SO1"))
    bucket.fill(source)
    redshift_pipeline.run("2018-11-15T09:00:00Z", "2018-11-15T11:00:00Z")
    before = redshift_warehouse.contents()
    assert not audit().was_found
    damages = {
        "insert into songplays select * from songplays; delete from songs; "
        "update user_events set level = 'gold' where event_time < '2018-11-15 10:00'; "
        "insert into repaired_names select 'X', 'Y'": {"songplays", "user_events", "songs"},
        "update users set level = 'gold'; update user_levels set level = 'gold'; "
        "delete from time; delete from session_hours; update song_days set plays = 7": {
            "users",
            "user_levels",
            "time",
            "session_hours",
            "song_days",
        },
    }
    for damage, tables in damages.items():
        redshift_warehouse.client.execute(damage.encode())
        damaged = audit()
        assert {*damaged.hours, *damaged.catalogue} == tables
        for command in printed(damaged):
            follow(command, redshift_pipeline)
        assert redshift_warehouse.contents() == before, damage
        assert not audit().was_found
