"""Users who are forgotten: what is left is as if they had never been."""

import json
import random
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from airflow.serialization.serialized_objects import DagSerialization

from local.tools.pipeline import Pipeline
from sparkify.operators.forget_users import ForgetUsersOperator
from sparkify.staging import ledger, postgres, reconciliation
from tests.reference import expected
from tests.support.dags import task_of
from tests.support.interleaving import DAY, WORLDS, Run, Step, World, play_out
from tests.support.search import budget
from tests.support.sources import Bucket, TestSource, play, song, visit
from tests.support.warehouse import Warehouse

FORGET = "sparkify_forget"
SEEDS, REDSHIFT_SEEDS = budget(4), budget(1)
WHOLE = ("2018-11-15", "2018-11-17")
NAMES = {"1": "Aardvark", "2": "Bandicoot", "3": "Capybara"}
"""What is to be found nowhere once the user is forgotten."""


def forget(dag: DAG, *users: int) -> None:
    """Have users forgotten."""
    confirmed = f"forget {len(users)} {'user' if len(users) == 1 else 'users'}"
    pipeline = Pipeline(dag, user_ids=list(users), reason="request 7", confirm=confirmed)
    pipeline.run_task("forget_users", pipeline.context())


def texts(warehouse: Warehouse) -> str:
    """Everything in every table, staging tables too, as text."""
    tables = warehouse.column("select tablename from pg_tables where schemaname = 'public'")
    return "\n".join(str(warehouse.rows(f"select * from {table}")) for table in tables)


def without(users: set[str], root: Path) -> Path:
    """Return a copy of a source in which some users never were."""

    def is_theirs(line: str) -> bool:
        try:
            user = json.loads(line)["userId"]
        except (ValueError, KeyError):
            return False
        # The reference reads no id that is none.
        return user in users or not (user or "0").isdigit()

    clean = root.with_name("clean")
    shutil.rmtree(clean, ignore_errors=True)
    shutil.copytree(root, clean)
    for file in clean.glob("log_data/*/*/*.json"):
        lines = file.read_text().split("\n")
        file.write_text("\n".join(line for line in lines if not is_theirs(line)))
    return clean


class ForgettingWorld(World):
    """A world with broken records, in which users are forgotten at any moment."""

    dag: DAG

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.forgotten: set[str] = set()
        self.broken: list[str] = []

    def _moves(self) -> dict[Callable[[], None], int]:
        return {**super()._moves(), self._break: 3, self._forget: 3}

    def _event(self) -> None:
        super()._event()
        event = self.events[-1]
        event["lastName"] = NAMES[event["userId"]]

    def _change(self) -> None:
        super()._change()
        for event in self.events:
            event["lastName"] = NAMES[event["userId"]]
        self._write()

    def _break(self) -> None:
        """A record without its time, one cut off, one that is not JSON, one of another day."""
        other = self.chance.choice(sorted(NAMES))
        user = self.chance.choice(sorted(NAMES))
        event = play("2018-11-15 21:00", userId=user, lastName=NAMES[user])
        whole = json.dumps(event)
        self.broken.append(
            self.chance.choice(
                [
                    json.dumps(event | {"ts": None}),
                    json.dumps(event | {"ts": NAMES[user]}),
                    json.dumps(event | {"userId": NAMES[user]}),
                    json.dumps(event | {"userId": ""}),
                    json.dumps({key: event[key] for key in event if key != "userId"} | {"ts": ""}),
                    whole[: self.chance.randint(5, len(whole) - 1)],
                    "[" + whole,
                    whole[: self.chance.randint(5, len(whole) - 1)]
                    + json.dumps(event | {"userId": other, "lastName": NAMES[other]}),
                    json.dumps(play("2018-11-12 21:00", userId=user, lastName=NAMES[user])),
                ]
            )
        )
        self._write()
        self.steps.append(Step(f"break: {self.broken[-1]}"))

    def _forget(self) -> None:
        user = self.chance.choice(sorted(NAMES))
        self.forgotten.add(user)
        self.steps.append(Step(f"forget {user}"))
        forget(self.dag, int(user))
        self._find_none()

    def _write(self) -> None:
        events = sorted(self.events, key=lambda event: event["ts"])
        self.source.lines(DAY, *map(json.dumps, events), *self.broken)

    def _compare(self) -> None:
        assert self.warehouse.contents() == expected(without(self.forgotten, self.source.root))
        self._find_none()

    def _find_none(self) -> None:
        found = texts(self.warehouse)
        left = [user for user in self.forgotten if NAMES[user] in found]
        assert not left, "somebody forgotten is still named"


@pytest.mark.usefixtures("reused_sessions")
def test_interleaved_runs_leave_nothing_of_whoever_is_forgotten(
    dags: dict[str, DAG],
    pipeline: Pipeline,
    source: TestSource,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")
    monkeypatch.setattr(ForgettingWorld, "dag", dags[FORGET], raising=False)
    play_out(range(WORLDS // 6), pipeline, source, warehouse, ForgettingWorld)


@pytest.fixture
def day(source: TestSource, monkeypatch: pytest.MonkeyPatch) -> TestSource:
    """Two days of two listeners and a visitor, with broken records of one."""
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")
    ada = {"userId": "1", "lastName": NAMES["1"]}
    grace = {"userId": "2", "lastName": NAMES["2"], "sessionId": 2}
    events = [
        play("2018-11-15 10:00:00", **ada),
        # At one moment, and the same song.
        play("2018-11-15 10:05:00", **ada, itemInSession=1),
        play("2018-11-15 10:05:00", **grace),
        play(
            "2018-11-15 10:06:00",
            **ada,
            itemInSession=2,
            song="Hers alone",
            userAgent="The agent of Ada alone",
        ),
        visit("2018-11-15 11:00:00", **ada, level="paid"),
        play("2018-11-16 12:00:00", **ada, level="paid", itemInSession=3),
        play("2018-11-16 13:00:00", **grace, itemInSession=1, level="paid"),
        visit("2018-11-16 13:30:00", userId="", firstName=None, lastName=None),
    ]
    source.events(*events)
    broken = [
        json.dumps(play("2018-11-15 10:10:00", **ada) | {"ts": None}),
        json.dumps(play("2018-11-15 10:10:00", **ada))[:200],
        json.dumps(play("2018-11-15 10:10:00", **grace) | {"ts": None}),
    ]
    days = [json.dumps(event) for event in events[:5]]
    source.lines("2018-11-15", *days, *broken)
    source.songs(song("SO1"))
    return source


STATE = """
select hour_start, plays, plays_version, user_events, user_events_version, events_loaded,
    events_in_files, content_loaded, content_in_files
from hour_loads order by hour_start
"""
OPEN = "select source_file, line_number, reason, raw_text from rejected_rows order by 1, 2"


def test_a_user_is_erased_as_if_the_files_had_never_held_one(
    day: TestSource,
    dags: dict[str, DAG],
    pipeline: Pipeline,
    warehouse: Warehouse,
    new_warehouse: Callable[[], Warehouse],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline.run(*WHOLE)
    assert warehouse.count("songplays") == 6
    warehouse.client.execute("analyze")
    statistics = "select * from pg_stats where schemaname = 'public'"
    hers = (NAMES["1"], "The agent of Ada alone", "2018-11-15 10:06:00")
    quoted = str(warehouse.rows(statistics))
    assert all(value in quoted for value in hers)
    forget(dags[FORGET], 1)
    quoted = str(warehouse.rows(statistics))
    assert not [value for value in hers if value in quoted]
    assert warehouse.rows("select user_id, reason from forgotten_users") == [(1, "request 7")]
    assert NAMES["1"] not in texts(warehouse)
    states = warehouse.rows(STATE)
    found, agents = warehouse.contents(), warehouse.rows("select * from user_agents")
    assert len(agents) == 1
    assert (
        warehouse.column("select state from hour_states where state <> 'quiet'") == ["loaded"] * 2
    )

    clean = new_warehouse()
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", without({"1"}, day.root).as_uri())
    pipeline.run(*WHOLE)
    assert clean.contents() == found
    assert clean.rows(STATE) == states
    assert clean.rows("select * from user_agents") == agents
    assert clean.count("songplays") == 2


def test_what_is_loaded_later_leaves_them_out_and_counts_them(
    day: TestSource, dags: dict[str, DAG], pipeline: Pipeline, warehouse: Warehouse
) -> None:
    forget(dags[FORGET], 1)
    pipeline.run(*WHOLE)
    assert NAMES["1"] not in texts(warehouse)
    assert warehouse.contents() == expected(without({"1"}, day.root))
    counted = "select lines, staged, rejected, forgotten, erased from load_runs"
    assert warehouse.rows(counted) == [(12, 4, 2, 6, None)]
    name = "log_data/2018/11/2018-11-15-events.json"
    assert [row[:2] for row in warehouse.rows(OPEN)] == [(name, 7), (name, 8)]
    [cut, other] = warehouse.rows(OPEN)
    # Whose it is cannot be read, so it keeps no text.
    assert cut[2].startswith("not JSON")
    assert not cut[3]
    assert NAMES["2"] in other[3]


def test_the_rejects_of_before_are_redacted_and_still_add_up(
    day: TestSource, dags: dict[str, DAG], pipeline: Pipeline, warehouse: Warehouse
) -> None:
    pipeline.run(*WHOLE)
    assert warehouse.count("rejected_rows") == 3
    forget(dags[FORGET], 1)
    kept = [(line, bool(text)) for _, line, _, text in warehouse.rows(OPEN)]
    assert kept == [(7, False), (8, True)]
    wrong = (
        "select source_file from file_ledger where line_count <> row_count + reject_count "
        "+ folded_count + forgotten_count"
    )
    assert warehouse.rows(wrong) == []
    assert warehouse.rows("select rejected, forgotten from load_runs") == [(2, 1)]


@pytest.mark.parametrize("is_forgotten_first", [True, False])
def test_of_a_line_that_two_writers_tore_no_text_is_kept(
    is_forgotten_first: bool,
    day: TestSource,
    dags: dict[str, DAG],
    pipeline: Pipeline,
    warehouse: Warehouse,
) -> None:
    """It names only the other user."""
    ada, grace = (
        json.dumps(play("2018-11-15 10:00:00", userId=user, lastName=NAMES[user])) for user in "12"
    )
    day.lines("2018-11-15", ada[: ada.index('"level"')] + grace, grace)
    if is_forgotten_first:
        forget(dags[FORGET], 1)
    pipeline.run(*WHOLE)
    if not is_forgotten_first:
        forget(dags[FORGET], 1)
    [(_, line, reason, text)] = warehouse.rows(OPEN)
    assert (line, text) == (1, None)
    assert reason.startswith("not JSON")


def test_of_records_that_copy_does_not_tell_apart_no_text_is_kept(
    source: TestSource,
    bucket: Bucket,
    dags: dict[str, DAG],
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", bucket.url)
    ada = play("2018-11-15 10:00:00", lastName=NAMES["1"], ts="soon")
    del ada["userId"]
    grace = play("2018-11-15 10:00:00", userId="2")
    source.lines("2018-11-15", f"{json.dumps(ada)} {json.dumps(grace)}", json.dumps(grace))
    bucket.fill(source)
    forget(dags[FORGET], 1)
    redshift_pipeline.run(*WHOLE)
    [(_, line, reason, text)] = redshift_warehouse.rows(OPEN)
    assert (line, text) == (1, None)
    assert reason.startswith("ts: ")


def test_nothing_is_erased_without_the_confirmation(
    day: TestSource, dags: dict[str, DAG], pipeline: Pipeline, warehouse: Warehouse
) -> None:
    pipeline.run(*WHOLE)
    before = texts(warehouse)
    unsure = Pipeline(dags[FORGET], user_ids=[1, 77], reason="request 7", confirm="forget 1 user")
    with pytest.raises(AirflowFailException) as shown:
        unsure.run_task("forget_users", unsure.context())
    assert "user 1: 4 of songplays, 5 of user_events" in str(shown.value)
    assert "user 77: nothing; is the id right?" in str(shown.value)
    assert "forget 2 users" in str(shown.value)
    assert texts(warehouse) == before


def test_a_run_that_read_files_meanwhile_reads_them_again(
    day: TestSource,
    dags: dict[str, DAG],
    pipeline: Pipeline,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = ledger.record_reading

    def too_late(*args: Any) -> None:
        monkeypatch.setattr(postgres, "record_reading", record)
        forget(dags[FORGET], 1)
        record(*args)

    monkeypatch.setattr(postgres, "record_reading", too_late)
    context = pipeline.context(*WHOLE)
    with pytest.raises(AirflowException, match="Users were forgotten while"):
        pipeline.run_task("stage_events", context)
    assert NAMES["1"] not in texts(warehouse)
    pipeline.run_in(context)
    assert warehouse.contents() == expected(without({"1"}, day.root))


def test_users_who_are_forgotten_again_while_a_run_reads_are_counted_once(
    day: TestSource,
    bucket: Bucket,
    dags: dict[str, DAG],
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The run leaves them out itself, although its COPY has not."""
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", bucket.url)
    bucket.fill(day)
    forget(dags[FORGET], 1)
    record = ledger.record_reading

    def again(*args: Any) -> None:
        forget(dags[FORGET], 1)
        record(*args)

    monkeypatch.setattr(reconciliation, "record_reading", again)
    redshift_pipeline.run(*WHOLE)
    counted = "select lines, staged, rejected, forgotten, erased from load_runs"
    assert redshift_warehouse.rows(counted) == [(12, 4, 2, 6, None)]


def test_what_is_left_to_a_newer_reading_is_not_taken_from_what_is_published(
    day: TestSource, dags: dict[str, DAG], pipeline: Pipeline, warehouse: Warehouse
) -> None:
    ten = Run(pipeline, *(datetime(2018, 11, 15, hour, tzinfo=UTC) for hour in (10, 11)))
    older = Run(pipeline, *(datetime(2018, 11, 15 + hour, tzinfo=UTC) for hour in (0, 2)))
    older.execute("stage_events")
    ten.finish()
    while older.ready != ["drop_staging"]:
        older.execute(older.ready[0])
    figures = (
        "select staged, plays_staged, plays_left, plays_published from load_runs "
        f"where run_id = '{older.context['run_id']}'"
    )
    assert warehouse.rows(figures) == [(8, 6, 4, 2)]
    forget(dags[FORGET], 1)
    assert warehouse.rows(figures) == [(3, 2, 1, 1)]


def test_an_hour_of_copies_is_outdated_once_its_file_is_read_again(
    source: TestSource, dags: dict[str, DAG], pipeline: Pipeline, warehouse: Warehouse
) -> None:
    twice, other = play("2018-11-15 10:00:00"), play("2018-11-15 10:30:00", userId="2")
    source.events(twice, twice, other)
    ten, eleven = (("2018-11-15T10", "2018-11-15T11"), ("2018-11-15T11", "2018-11-15T12"))
    pipeline.run(*ten)
    forget(dags[FORGET], 1)
    outdated = "select hour_start from hour_states where state = 'outdated'"
    assert warehouse.rows(outdated) == []
    pipeline.run(*eleven)
    assert len(warehouse.rows(outdated)) == 1
    pipeline.run(*ten)
    assert warehouse.rows(outdated) == []


def test_a_staging_table_that_is_being_made_anew_is_waited_for_without_a_lock(
    day: TestSource, dags: dict[str, DAG], pipeline: Pipeline, warehouse: Warehouse
) -> None:
    pipeline.run_task("stage_events", pipeline.context(*WHOLE))
    [table] = warehouse.column(
        "select tablename from pg_tables where tablename like 'staging!_events!_%' escape '!'"
    )
    uri = warehouse.client.info.dsn + f" password={warehouse.client.info.password}"
    with ThreadPoolExecutor(1) as pool, psycopg.connect(uri) as stager:
        stager.execute(f"lock table {table} in access exclusive mode")
        done = pool.submit(forget, dags[FORGET], 1)
        time.sleep(1.5)
        assert not done.done()
        # It would wait for this one, which the other holds otherwise.
        stager.execute("set lock_timeout = '3s'")
        stager.execute("lock table file_ledger in share row exclusive mode")
        stager.rollback()
        done.result(timeout=20)
    assert NAMES["1"] not in texts(warehouse)


def test_a_table_of_ones_own_beside_the_staging_tables_is_left_alone(
    day: TestSource, dags: dict[str, DAG], pipeline: Pipeline, warehouse: Warehouse
) -> None:
    pipeline.run(*WHOLE)
    warehouse.client.execute("create table staging_events_stats as select 1 as lines")
    forget(dags[FORGET], 1)
    assert warehouse.count("users") == 1


def test_whoever_is_forgotten_stays_so_when_tables_are_recreated(
    day: TestSource, dags: dict[str, DAG], pipeline: Pipeline, warehouse: Warehouse
) -> None:
    forget(dags[FORGET], 1)
    schema = Pipeline(dags["sparkify_schema"], recreate=True)
    schema.run_in(schema.context())
    pipeline.run(*WHOLE)
    assert NAMES["1"] not in texts(warehouse)


def test_an_id_below_zero_which_loads_can_be_forgotten(
    source: TestSource,
    dags: dict[str, DAG],
    pipeline: Pipeline,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")
    ada = play("2018-11-15 10:00:00", userId="-5", lastName=NAMES["1"])
    source.lines("2018-11-15", json.dumps(ada), json.dumps(ada | {"sessionId": "none"}))
    pipeline.run(*WHOLE)
    assert warehouse.column("select user_id from users") == [-5]
    assert warehouse.count("rejected_rows") == 1
    # What the API server and the CLI validate.
    dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dags[FORGET]))
    dag.params.deep_merge({"user_ids": [-5], "reason": "request 7"}).validate()
    forget(dags[FORGET], -5)
    assert NAMES["1"] not in texts(warehouse)
    assert warehouse.count("rejected_rows") == 0


def test_every_table_with_a_user_is_erased_from(dags: dict[str, DAG], warehouse: Warehouse) -> None:
    held = warehouse.column(
        "select table_name from information_schema.columns join pg_tables "
        "on tablename = table_name where column_name = 'user_id' and schemaname = 'public'"
    )
    task = task_of(dags[FORGET], "forget_users", ForgetUsersOperator)
    assert sorted([*task.tables, "forgotten_users"]) == sorted(held), (
        "List the table in dags/sparkify_forget.py, and in sql/quality/users_forgotten.sql."
    )


def stubbornly(pipeline: Pipeline, window: tuple[str, str]) -> None:
    """Run a window, trying each task again as Airflow does."""
    context = pipeline.context(*window)
    skipped: set[str] = set()
    for task_id in pipeline.order():
        for attempt in range(10):
            try:
                if pipeline._is_skipped(task_id, skipped):
                    raise AirflowSkipException
                pipeline.run_task(task_id, context)
            except AirflowSkipException:
                skipped.add(task_id)
            except AirflowFailException:
                raise
            except Exception:  # any failure, as Airflow would try the task again
                if attempt == 9:
                    raise
                continue
            break


def play_at_random(
    seed: int, source: TestSource, pipeline: Pipeline, dag: DAG, warehouse: Warehouse
) -> None:
    """Load hours in any order, repeatedly, three at a time, and have users forgotten meanwhile."""
    chance = random.Random(seed)  # noqa: S311 - the same world for the same seed
    hours = [f"2018-11-15T{hour}:00" for hour in range(20, 24)]
    windows = [*zip(hours, [*hours[1:], "2018-11-16"], strict=True), ("2018-11-15", "2018-11-16")]
    windows = [window for window in windows for _ in range(2)]
    chance.shuffle(windows)
    gone = chance.sample(sorted(NAMES), 2)
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(stubbornly, pipeline, window) for window in windows]
        for user in gone:
            time.sleep(chance.random())
            jobs.append(pool.submit(forget, dag, int(user)))
        for job in jobs:
            job.result()
    assert warehouse.contents() == expected(without(set(gone), source.root))
    found = texts(warehouse)
    assert not [user for user in gone if NAMES[user] in found]


@pytest.fixture
def crowd(source: TestSource, request: pytest.FixtureRequest) -> TestSource:
    """Four hours of three users at random, with records that cannot be read."""
    chance = random.Random(request.node.name)  # noqa: S311 - the same for the same test
    events = []
    for item in range(40):
        user = chance.choice(sorted(NAMES))
        page = chance.choice([play, play, visit])
        at = f"2018-11-15 {chance.randint(20, 23)}:{chance.randint(0, 3):02d}:00"
        events.append(
            page(
                at,
                userId=user,
                lastName=NAMES[user],
                level=chance.choice(["free", "paid"]),
                itemInSession=item,
                sessionId=int(user),
            )
        )
    lines = [json.dumps(event) for event in sorted(events, key=lambda event: event["ts"])]
    broken = [json.dumps(chance.choice(events) | {"ts": "soon"}) for _ in range(3)]
    source.lines("2018-11-15", *lines, *broken, lines[0][:-20])
    return source


@pytest.mark.parametrize("seed", range(SEEDS))
def test_windows_in_any_order_leave_nothing_of_them(
    seed: int,
    crowd: TestSource,
    dags: dict[str, DAG],
    pipeline: Pipeline,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")
    play_at_random(seed, crowd, pipeline, dags[FORGET], warehouse)


@pytest.mark.parametrize("seed", range(REDSHIFT_SEEDS))
def test_windows_in_any_order_leave_nothing_of_them_on_redshift(
    seed: int,
    crowd: TestSource,
    bucket: Bucket,
    dags: dict[str, DAG],
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", bucket.url)
    bucket.fill(crowd)
    play_at_random(seed, crowd, redshift_pipeline, dags[FORGET], redshift_warehouse)
