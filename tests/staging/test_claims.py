"""What a run has staged is published where nobody has looked at the files since, and only there."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowFailException

from local.tools.pipeline import Pipeline
from sparkify.staging.names import KEPT, staging_table
from tests.reference import expected
from tests.support.interleaving import INCOMPLETE
from tests.support.sources import TestSource, play, visit
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")

HOUR = ("2018-11-15T10:00", "2018-11-15T11:00")
DAY = ("2018-11-15", "2018-11-16")
STAGE = ("stage_events", "audit_staged")
EVENTS = ("load_user_events", "load_time")
USERS = ("load_users", "load_user_levels")
PLAYS = ("load_songplays", "check_quality")
LOAD = (*EVENTS, *USERS, *PLAYS)
STANDING = "select relname from pg_class where relname ~ '^staging_events_[0-9a-f]{12}$'"

Tasks = Callable[..., Any]


@pytest.fixture
def pipeline(pipeline: Pipeline) -> Pipeline:
    """What a file has lost is meant to be gone."""
    return Pipeline(pipeline.dag, allow_removed=True)


@pytest.fixture
def tasks(pipeline: Pipeline) -> Callable[..., Tasks]:
    """Makes a run whose tasks are executed as they are named; the last one's result comes back."""

    def begin(window: tuple[str, str], run_id: str) -> Tasks:
        context = pipeline.context(*window, run_id=run_id)

        def execute(*task_ids: str) -> Any:
            return [pipeline.run_task(task_id, context) for task_id in task_ids][-1]

        return execute

    return begin


def first(**changes: Any) -> dict[str, Any]:
    return play("2018-11-15 10:00:00", **changes)


SECOND = play("2018-11-15 10:30:00", itemInSession=1, userId="2")


def is_as_the_files_say(warehouse: Warehouse, source: TestSource) -> bool:
    return warehouse.contents() == expected(source.root) and not warehouse.rows(INCOMPLETE)


def test_a_cleared_run_does_not_publish_what_it_staged_before_a_newer_one(
    tasks: Callable[..., Tasks], source: TestSource, warehouse: Warehouse
) -> None:
    old, new = tasks(HOUR, "old"), tasks(HOUR, "new")
    source.events(first())
    old(*STAGE, *LOAD)
    source.events(first(), SECOND)
    new(*STAGE, *LOAD, "drop_staging")
    told = old(*EVENTS, *USERS, "load_songplays")
    assert told["left"] == ["2018-11-15 10:00 to 2018-11-15 11:00 UTC to reading 2 of new"]
    old("check_quality")
    figures = old("drop_staging")
    assert [figures[f"plays_{what}"] for what in ("staged", "left", "published")] == [1, 1, 0]
    assert warehouse.count("songplays") == 2
    assert is_as_the_files_say(warehouse, source)
    assert warehouse.rows("select state, run_id from hour_states") == [("loaded", "new")]


def test_a_correction_is_not_undone_by_a_slow_run(
    tasks: Callable[..., Tasks], source: TestSource, warehouse: Warehouse
) -> None:
    slow, new = tasks(DAY, "slow"), tasks(HOUR, "new")
    source.events(first(level="free"), visit("2018-11-15 12:00:00", userId="3"))
    slow(*STAGE)
    source.events(first(level="paid"), visit("2018-11-15 12:00:00", userId="3"))
    new(*STAGE, *EVENTS)
    slow(*LOAD)
    assert warehouse.column("select level from user_events where user_id = 1") == ["paid"]
    new(*USERS, *PLAYS)
    # The slow run's other hours are its own.
    assert is_as_the_files_say(warehouse, source)


def test_runs_of_a_growing_file_give_what_it_says_at_the_end_whoever_is_last(
    tasks: Callable[..., Tasks], source: TestSource, warehouse: Warehouse
) -> None:
    source.events(first())
    old = tasks(DAY, "old")
    old(*STAGE)
    source.events(first(), SECOND)
    new = tasks(DAY, "new")
    new(*STAGE)
    for execute, some in [(new, EVENTS), (old, EVENTS), (old, USERS), (new, USERS)]:
        execute(*some)
    new(*PLAYS)
    old(*PLAYS)
    assert is_as_the_files_say(warehouse, source)


def test_of_an_hour_that_a_newer_run_loads_in_part_the_rest_is_loaded(
    tasks: Callable[..., Tasks], source: TestSource, warehouse: Warehouse
) -> None:
    old = tasks(HOUR, "old")
    source.events(first())
    old(*STAGE)
    late = tasks(("2018-11-15T10:20", "2018-11-15T11:00"), "late")
    source.events(first(), SECOND)
    late(*STAGE, *LOAD)
    old(*LOAD)
    assert is_as_the_files_say(warehouse, source)
    # It says what it was loaded with, which is older than what the files are known to hold.
    assert warehouse.column("select state from hour_states") == ["outdated"]


def test_an_hour_is_not_loaded_while_a_part_of_it_is_claimed_by_a_run_that_has_died(
    tasks: Callable[..., Tasks], source: TestSource, warehouse: Warehouse
) -> None:
    source.events(first(), SECOND)
    hour, half = tasks(HOUR, "hour"), tasks(("2018-11-15T10:20", "2018-11-15T11:00"), "half")
    hour(*STAGE)
    half(*STAGE, "load_time")
    hour(*LOAD, "drop_staging")
    assert warehouse.count("songplays") == 1, "the other play is for the newer run to publish"
    assert warehouse.rows("select state from hour_states") == [("partial",)]
    hour("stage_events", "audit_staged", *LOAD, "drop_staging")
    assert is_as_the_files_say(warehouse, source)
    assert warehouse.rows("select state from hour_states") == [("loaded",)]


def test_a_prune_spares_the_users_and_starts_that_another_run_has_just_entered(
    tasks: Callable[..., Tasks], source: TestSource, warehouse: Warehouse
) -> None:
    source.events(first())
    old = tasks(DAY, "old")
    old(*STAGE, *EVENTS, *USERS)
    source.events(first(), SECOND)
    new = tasks(DAY, "new")
    new(*STAGE, *EVENTS, *USERS)
    old(*PLAYS)
    assert warehouse.count("time") == 2
    new("load_songplays")
    assert is_as_the_files_say(warehouse, source)


def test_a_user_stays_as_long_as_a_play_refers_to_them_and_goes_with_the_last(
    tasks: Callable[..., Tasks], source: TestSource, warehouse: Warehouse
) -> None:
    elsewhere = play("2018-11-15 12:00:00", userId="2", itemInSession=7)
    source.events(first(), SECOND, elsewhere)
    tasks(DAY, "all")(*STAGE, *LOAD)
    source.events(first())
    ten, noon = tasks(HOUR, "ten"), tasks(("2018-11-15T12:00", "2018-11-15T13:00"), "noon")
    ten(*STAGE, *EVENTS, *USERS)
    noon(*STAGE, *LOAD)
    # No event of user 2 is left, but a play that the other run is about to take out.
    assert warehouse.rows(INCOMPLETE) == []
    assert warehouse.column("select user_id from users order by 1") == [1, 2]
    ten(*PLAYS)
    assert is_as_the_files_say(warehouse, source)


def test_a_user_whose_latest_event_is_gone_is_entered_again_by_the_run_of_an_earlier_one(
    tasks: Callable[..., Tasks], source: TestSource, warehouse: Warehouse
) -> None:
    earlier = visit("2018-11-15 10:30:00", userId="3")
    gone = visit("2018-11-15 11:50:00", userId="3", level="paid", itemInSession=1)
    source.events(earlier, gone)
    ten, eleven = tasks(HOUR, "ten"), tasks(("2018-11-15T11:00", "2018-11-15T12:00"), "eleven")
    eleven(*STAGE, *EVENTS, *USERS)
    source.events(earlier)
    eleven(*STAGE, *EVENTS, *USERS)
    # Nothing else of this user is known yet, so the row is for the end of the run to remove.
    ten(*STAGE, *EVENTS)
    eleven("load_songplays")
    eleven("check_quality")
    ten(*USERS, *PLAYS)
    assert is_as_the_files_say(warehouse, source)


def test_a_spell_goes_with_its_event_though_a_dead_run_has_entered_an_earlier_one(
    tasks: Callable[..., Tasks], source: TestSource, warehouse: Warehouse
) -> None:
    earlier, gone = visit("2018-11-15 10:30:00"), visit("2018-11-15 11:50:00", itemInSession=1)
    source.events(earlier, gone)
    ten, eleven = tasks(HOUR, "ten"), tasks(("2018-11-15T11:00", "2018-11-15T12:00"), "eleven")
    eleven(*STAGE, *LOAD, "drop_staging")
    # It dies before it enters the user's first spell.
    ten(*STAGE, "load_user_events")
    source.lines("2018-11-15", "")
    eleven(*STAGE, *LOAD)
    ten(*STAGE, *LOAD)
    assert is_as_the_files_say(warehouse, source)


def test_spells_close_up_where_another_run_took_the_event_between(
    tasks: Callable[..., Tasks], source: TestSource, warehouse: Warehouse
) -> None:
    early = visit("2018-11-15 08:00:00", level="free")
    between = visit("2018-11-15 10:00:00", level="paid")
    source.events(early, between, visit("2018-11-15 11:30:00", userId="2"))
    tasks(DAY, "all")(*STAGE, *LOAD)
    source.events(early, visit("2018-11-15 11:30:00", userId="2"))
    ten, both = tasks(HOUR, "ten"), tasks(("2018-11-15T10:00", "2018-11-15T12:00"), "both")
    both(*STAGE)
    ten(*STAGE, *EVENTS)
    both(*EVENTS, *USERS)
    ten(*USERS, *PLAYS)
    both(*PLAYS)
    assert is_as_the_files_say(warehouse, source)


def test_a_correction_that_keeps_the_number_of_events_is_not_forgotten(
    tasks: Callable[..., Tasks], source: TestSource, warehouse: Warehouse
) -> None:
    noon = visit("2018-11-15 12:00:00")
    source.events(first(song="One"), noon)
    tasks(HOUR, "ten")(*STAGE, *LOAD)
    source.events(first(song="Another"), noon)
    tasks(("2018-11-15T12:00", "2018-11-15T13:00"), "noon")(*STAGE, *LOAD)
    states = "select state from hour_states order by hour_start"
    assert warehouse.column(states) == ["outdated", "quiet"]
    # A file that only grows leaves the hours before as they are.
    tasks(HOUR, "again")(*STAGE, *LOAD)
    source.events(first(song="Another"), noon, visit("2018-11-15 13:00:00"))
    tasks(("2018-11-15T13:00", "2018-11-15T14:00"), "one")(*STAGE, *LOAD)
    assert warehouse.column(states) == ["loaded", "quiet", "quiet"]


def test_a_load_of_a_run_that_has_ended_says_what_to_clear(
    tasks: Callable[..., Tasks], source: TestSource
) -> None:
    source.events(first())
    run = tasks(HOUR, "run")
    run(*STAGE, *LOAD, "drop_staging")
    with pytest.raises(AirflowFailException, match=r"clear the run.s stage_\* tasks"):
        run("load_songplays")


def test_a_load_of_a_run_whose_reading_is_not_known_says_what_to_clear(
    tasks: Callable[..., Tasks], source: TestSource, warehouse: Warehouse
) -> None:
    source.events(first())
    run = tasks(HOUR, "run")
    run(*STAGE)
    warehouse.client.execute("delete from readings")
    with pytest.raises(AirflowFailException, match="Clear the run's task stage_events"):
        run("load_user_events")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["stage_events"], ["audit_staged", "load_user_events"]),
        (STAGE, ["load_user_events"]),
        (STAGE, ["load_time"]),
        ([*STAGE, *EVENTS, *USERS], ["load_songplays"]),
    ],
)
def test_a_run_whose_lookback_changed_after_it_staged_replaces_nothing(
    before: Sequence[str],
    after: Sequence[str],
    pipeline: Pipeline,
    source: TestSource,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source.events(play("2018-11-14 23:30:00"), play("2018-11-15 00:30:00", itemInSession=1))
    pipeline.run("2018-11-14", "2018-11-16")
    start, end = datetime(2018, 11, 15), datetime(2018, 11, 15, 1)
    run = SimpleNamespace(
        run_type="scheduled", logical_date=start, data_interval_start=start, data_interval_end=end
    )
    context = pipeline.context(dag_run=run)
    for task_id in before:
        pipeline.run_task(task_id, context)
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_LOOKBACK_MINUTES", "60")
    *audit, load = after
    for task_id in audit:
        pipeline.run_task(task_id, context)
    with pytest.raises(AirflowFailException, match=r"lookback_minutes or .* has changed since"):
        pipeline.run_task(load, context)
    assert is_as_the_files_say(warehouse, source)
    pipeline.run_in(context)
    assert is_as_the_files_say(warehouse, source)


@pytest.mark.parametrize("keep", ["0", "7"])
def test_the_sweep_spares_who_is_at_work_and_takes_what_the_dead_left(
    keep: str,
    tasks: Callable[..., Tasks],
    source: TestSource,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_KEEP_STAGING_DAYS", keep)
    source.events(first())
    runs = {name: tasks(HOUR, name) for name in ("at work", "failed", "dead", "ended", "sweeps")}
    for run in runs.values():
        run(*STAGE)
    # What a month's run has read, other runs may have claimed since: it is at work all the same.
    warehouse.client.execute(
        "delete from file_ledger where run_id = 'at work';"
        "update readings set began_at = began_at - interval '29 days' where run_id = 'at work';"
        "update readings set began_at = began_at - interval '31 days' where run_id = 'dead';"
        "update load_runs set ended_at = now() + interval '1 day' where run_id = 'ended';"
        "update load_runs set failed_at = now() + interval '1 minute' where run_id = 'failed'"
    )
    warehouse.client.execute(
        "update load_runs set failed_at = now() at time zone 'utc' where failed_at is not null"
    )
    standing = set(warehouse.column(STANDING))
    runs["sweeps"](*LOAD, "drop_staging")
    left = {
        name
        for name in runs
        if staging_table(name, "staging_events") in standing & set(warehouse.column(STANDING))
    }
    assert left == ({"at work", "failed"} if keep == "7" else {"at work"})


def test_the_sweep_spares_tables_that_no_run_has_made(
    tasks: Callable[..., Tasks], source: TestSource, warehouse: Warehouse
) -> None:
    source.events(first())
    left_over = f"{staging_table('dead', 'staging_events')}{KEPT}"
    for table in ("staging_events_backup", "staging_songs_2018", left_over):
        warehouse.client.execute(f"create table {table} (line text)".encode())
    tasks(HOUR, "run")(*STAGE, *LOAD, "drop_staging")
    assert warehouse.column(
        "select tablename from pg_tables where tablename like 'staging%' order by 1"
    ) == ["staging_events", "staging_events_backup", "staging_songs", "staging_songs_2018"]


def test_a_staging_table_that_a_view_depends_on_is_kept_until_the_view_is_gone(
    tasks: Callable[..., Tasks],
    source: TestSource,
    warehouse: Warehouse,
    capfd: pytest.CaptureFixture[str],
) -> None:
    source.events(first())
    run, dead, later = (tasks(HOUR, name) for name in ("run", "dead", "later"))
    run(*STAGE)
    dead(*STAGE)
    warehouse.client.execute("update readings set began_at = '2018-01-01' where run_id = 'dead'")
    mine, left_over = (staging_table(name, "staging_events") for name in ("run", "dead"))
    for table in (mine, left_over):
        warehouse.client.execute(f"create view of_{table} as select * from {table}".encode())
    tasks(HOUR, "new")(*STAGE, *LOAD, "drop_staging")
    logged = "".join(capfd.readouterr())
    assert f"{left_over} is kept, because views depend on it: of_{left_over}. Drop" in logged
    assert f"{mine} is kept" not in logged
    run("drop_staging")
    logged = "".join(capfd.readouterr())
    assert f"{mine} is kept, because views depend on it: of_{mine}. Drop" in logged
    assert sorted(warehouse.column(STANDING)) == sorted([mine, left_over])
    warehouse.client.execute(f"drop view of_{mine}; drop view of_{left_over}".encode())
    later(*STAGE, *LOAD, "drop_staging")
    assert warehouse.column(STANDING) == []


def test_a_run_whose_staging_table_a_view_depends_on_says_what_to_drop(
    tasks: Callable[..., Tasks], source: TestSource, warehouse: Warehouse
) -> None:
    source.events(first())
    run = tasks(HOUR, "run")
    run(*STAGE)
    table = staging_table("run", "staging_events")
    warehouse.client.execute(f"create view peek as select * from {table}".encode())
    with pytest.raises(AirflowFailException, match=f"cannot drop table {table}.* Drop the view,"):
        run("stage_events")


def test_two_sweeps_at_once_take_turns(
    tasks: Callable[..., Tasks], source: TestSource, warehouse: Warehouse
) -> None:
    source.events(first())
    runs = [tasks(HOUR, name) for name in ("one", "two", "dead")]
    for run in runs:
        run(*STAGE)
    for run in runs[:2]:
        run(*LOAD)
    warehouse.client.execute("update readings set began_at = '2018-01-01' where run_id = 'dead'")
    with psycopg.connect(warehouse.client.info.dsn) as other:
        # Neither gets the lock before both have asked for it.
        other.execute("lock table readings in share row exclusive mode")
        at_once = [threading.Thread(target=run, args=("drop_staging",)) for run in runs[:2]]
        for thread in at_once:
            thread.start()
        await_waiting(warehouse, 2)
        other.commit()
        for thread in at_once:
            thread.join()
    assert warehouse.column(STANDING) == []
    assert warehouse.value("select count(*) from load_runs where ended_at is not null") == 2


def await_waiting(warehouse: Warehouse, sessions: int) -> None:
    """Wait until so many sessions wait for a lock."""
    waiting = (
        "select count(*) from pg_stat_activity "
        "where wait_event_type = 'Lock' and datname = current_database()"
    )
    began = datetime.now(UTC)
    while warehouse.value(waiting) < sessions:
        assert (datetime.now(UTC) - began).seconds < 60, "nobody waits"


@pytest.mark.parametrize("table", ["user_events", "time", "songplays"])
def test_a_claim_that_comes_while_a_load_is_held_up_is_seen_once_it_goes_on(
    table: str, tasks: Callable[..., Tasks], source: TestSource, warehouse: Warehouse
) -> None:
    source.events(first())
    old, new = tasks(HOUR, "old"), tasks(HOUR, "new")
    old(*STAGE)
    task = f"load_{table}"
    before = [name for name in (*EVENTS, *USERS, *PLAYS) if name != task]
    before = before[: [*EVENTS, *USERS, *PLAYS].index(task)]
    if before:
        old(*before)
    source.events(play("2018-11-15 10:45:00", userId="2"))
    new("stage_events")
    told: list[Any] = []
    with psycopg.connect(warehouse.client.info.dsn) as other:
        other.execute(f"lock table {table} in share row exclusive mode".encode())
        held = threading.Thread(target=lambda: told.append(old(task)))
        held.start()
        await_waiting(warehouse, 1)
        new("audit_staged")
        other.commit()
        held.join()
    assert told[0]["left"]
    old(*[name for name in LOAD if name not in (*before, task)])
    new(*LOAD)
    assert is_as_the_files_say(warehouse, source)
