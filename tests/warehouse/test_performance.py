"""What keeps loading fast, told by ratios and by what is not done; no test here times seconds."""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from local.bench.staging import FAULTS
from local.simulator import World, simulate
from local.tools.pipeline import Pipeline
from sparkify.operators.load import LoadOperator
from sparkify.page.questions import Filters, Question, query, questions
from sparkify.page.warehouse import reading
from sparkify.records.blocks import blocks
from sparkify.records.columns import Column
from sparkify.records.reader import RecordReader
from sparkify.records.rows import RowReader
from sparkify.sources.base import SourceFile
from sparkify.sources.folder import FolderSource
from sparkify.sources.open import find, open_source
from sparkify.staging.names import staging_table
from tests.support.interleaving import TASKS
from tests.support.sources import TestSource, play, song, visit
from tests.support.warehouse import Warehouse

COLUMNS = [
    Column("artist", "character varying(1024)"),
    Column("iteminsession", "integer"),
    Column("length", "double precision"),
    Column("page", "character varying(64)"),
    Column("registration", "double precision"),
    Column("sessionid", "bigint"),
    Column("song", "character varying(1024)"),
    Column("status", "integer"),
    Column("ts", "timestamp without time zone", required=True),
    Column("useragent", "character varying(1024)"),
    Column("userid", "bigint"),
]
RULES = {"a play without a user": "page = 'NextSong' and userid is null"}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "source"
    simulate(folder, World(days=2, users=400, events=8000))
    return folder


def read(folder: Path, rules: Mapping[str, str] = RULES) -> int:
    source = open_source(folder.as_uri())
    reader = RecordReader(COLUMNS, rules)
    found = reader.batches(blocks(source, find(source, "log_data/**/*.json")))
    return sum(batch.rows.total() for batch in found)


def read_slowly(folder: Path, rules: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> int:
    """How many of a source's objects are looked at one by one."""
    slow: list[int] = []
    usual = RowReader.read

    def tell(self: RowReader, values: Any) -> Any:
        slow.append(len(values))
        return usual(self, values)

    monkeypatch.setattr(RowReader, "read", tell)
    read(folder, rules)
    return sum(slow)


def test_lines_as_the_app_writes_them_take_the_quick_way(
    simulated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_slowly(simulated, RULES, monkeypatch) == 0


@pytest.mark.parametrize("rules", [RULES, {}], ids=["a rule", "no rule"])
def test_beside_damaged_lines_the_others_take_the_quick_way(
    tmp_path: Path, rules: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate(tmp_path / "source", World(days=2, users=400, events=8000, faults=FAULTS))
    assert read_slowly(tmp_path / "source", rules, monkeypatch) < 0.02 * 8000


def test_reading_costs_about_what_json_loads_costs(simulated: Path, tmp_path: Path) -> None:
    texts = [file.read_text() for file in sorted(simulated.glob("log_data/**/*.json"))]

    def by_hand() -> None:
        for text in texts:
            for line in text.splitlines():
                event = json.loads(line)
                [str(event[key]) for key in event]

    assert cpu(lambda: read(simulated)) < 1.8 * cpu(by_hand)
    damaged = tmp_path / "damaged"
    simulate(damaged, World(days=2, users=400, events=8000, faults=FAULTS))
    assert cpu(lambda: read(damaged)) < 2.4 * cpu(by_hand)


def cpu(work: Callable[[], Any]) -> float:
    """The least CPU time of three: a busy machine takes none away."""
    took = []
    for _ in range(3):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took)


def test_the_planner_knows_a_table_that_a_load_has_changed(
    source: TestSource, pipeline: Pipeline, warehouse: Warehouse
) -> None:
    known = "select reltuples from pg_class where relname in ('songplays', 'user_events')"
    hour = [play(f"2018-11-15 10:{number // 60:02}:{number % 60:02}") for number in range(900)]
    source.events(*hour)
    pipeline.run("2018-11-15T10:00:00Z", "2018-11-15T11:00:00Z")
    assert warehouse.column(known) == [900, 900]
    # An hour of a long history is not worth a sample of it.
    source.events(*hour, *(play(f"2018-11-15 11:{number:02}:00") for number in range(60)))
    pipeline.run("2018-11-15T11:00:00Z", "2018-11-15T12:00:00Z")
    assert warehouse.column(known) == [900, 900]


def test_hours_just_recorded_are_not_each_compared_with_all_plays(
    source: TestSource,
    pipeline: Pipeline,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The planner expects one of them, and would count the plays again for each."""
    plans: list[Any] = []
    usual = LoadOperator.execute_statement

    def explain(self: LoadOperator, cursor: Any, statement: str) -> str:
        if "plays_version = counted.plays_version" in statement:
            cursor.execute(f"explain (format json) {statement}")
            plans.extend(cursor.fetchone()[0])
        return usual(self, cursor, statement)

    monkeypatch.setattr(LoadOperator, "execute_statement", explain)
    source.events(*(play(f"2018-11-{day:02} 10:00:00") for day in range(1, 31)))
    pipeline.run("2018-01-01", "2019-01-01")
    [plan] = plans
    assert again_for_each_row(plan["Plan"]) == []


def again_for_each_row(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The counts that a nested loop would repeat."""
    below = plan.get("Plans", [])
    repeated = below[1:] if plan["Node Type"] == "Nested Loop" else []
    return [part for part in repeated if "Aggregate" in str(part)] + [
        found for part in below for found in again_for_each_row(part)
    ]


def test_the_planner_knows_that_many_moments_are_few_hours(
    source: TestSource, pipeline: Pipeline, warehouse: Warehouse
) -> None:
    """So it counts by hour in memory; it would sort all rows on disk if each were an hour."""
    seconds = [(minute, second) for minute in range(15) for second in range(60)]
    source.events(*(play(f"2018-11-15 10:{minute:02}:{second:02}") for minute, second in seconds))
    context = pipeline.context("2018-11-15", "2018-11-16", run_id="a day")
    *tasks, _ = TASKS
    for task in tasks:
        pipeline.run_task(task, context)
    moments = {
        "songplays": "start_time",
        "user_events": "event_time",
        staging_table("a day", "staging_events"): "ts",
    }
    for table, column in moments.items():
        hours = f"select count(*) from {table} group by date_trunc('hour', {column})"
        [plan] = warehouse.value(f"explain (format json) {hours}")
        assert plan["Plan"]["Plan Rows"] == 1, table


def test_an_hour_does_not_read_what_came_long_before_it(
    source: TestSource, pipeline: Pipeline, warehouse: Warehouse
) -> None:
    """The plan for spells and starts is told by what is read, not by how long it takes."""
    plays = [
        play(f"2018-11-0{day} 10:{minute:02}:{second:02}", itemInSession=number, sessionId=day)
        for day in range(1, 6)
        for number, (minute, second) in enumerate((m, s) for m in range(10) for s in range(60))
    ]
    source.events(*plays, visit("2018-11-07 09:59:00"), play("2018-11-07 10:00:00", level="paid"))
    pipeline.run("2018-11-01", "2018-11-07")
    for table in ("user_events", "time", "songplays"):
        warehouse.client.execute(f"vacuum analyze {table}".encode())
    before = read_of(warehouse)
    pipeline.run("2018-11-07", "2018-11-08")
    read_now = read_of(warehouse)
    for table, rows in read_now.items():
        assert rows - before[table] < 0.5 * len(plays), f"the run read all of {table}"


def test_plays_that_the_planner_does_not_expect_are_checked_in_one_reading(
    source: TestSource, pipeline: Pipeline, warehouse: Warehouse
) -> None:
    """An hour that is less than a tenth of the plays is unknown to the planner."""
    seconds = [(minute, second) for minute in range(50) for second in range(60)]
    hour = [play(f"2018-11-15 10:{minute:02}:{second:02}") for minute, second in seconds]
    source.events(*hour)
    pipeline.run("2018-11-15T10:00", "2018-11-15T11:00")
    source.events(*hour, *(play(f"2018-11-15 11:{number:02}:00") for number in range(60)))
    context = pipeline.context("2018-11-15T11:00", "2018-11-15T12:00", run_id="an hour")
    *tasks, check, _ = TASKS
    for task in tasks:
        pipeline.run_task(task, context)
    staged = staging_table("an hour", "staging_events")
    before = read_of(warehouse, staged)
    pipeline.run_task(check, context)
    assert 0 < read_of(warehouse, staged)[staged] - before[staged] < 3 * len(hour)


def test_songs_are_listed_once_whether_new_or_not(
    source: TestSource, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[str] = []
    usual = FolderSource._source_file

    def tell(folder: FolderSource, name: str, stat: os.stat_result) -> SourceFile:
        listed.append(name)
        return usual(folder, name, stat)

    monkeypatch.setattr(FolderSource, "_source_file", tell)
    source.events(play("2018-11-15 10:00:00"))
    source.songs(*(song(f"SO{number:02}") for number in range(20)))
    for looked_at in (1, 0):
        listed.clear()
        pipeline.run("2018-11-15T10:00:00Z", "2018-11-15T11:00:00Z")
        assert sum(name.startswith("song_data/") for name in listed) == 20 + looked_at


def test_a_question_reads_the_plays_of_its_days_and_most_questions_read_none(
    source: TestSource, pipeline: Pipeline, warehouse: Warehouse
) -> None:
    before = [
        play(f"2018-10-0{day} 10:{second // 60:02}:{second % 60:02}", itemInSession=second)
        for day in range(1, 6)
        for second in range(600)
    ]
    asked_of = [play(f"2018-11-30 10:{minute:02}:00", itemInSession=minute) for minute in range(60)]
    source.events(*before, *asked_of)
    pipeline.run("2018-10-01", "2018-12-01")
    for table in ("songplays", "session_hours", "song_days"):
        warehouse.client.execute(f"vacuum analyze {table}".encode())
    day = Filters(date(2018, 11, 30), date(2018, 11, 30))
    for name, question in questions().items():
        assert plays_read(warehouse, question, Filters()) == 0 or name in OF_PLAYS, name
        for filters in (day, replace(day, level="free"), replace(day, place="London, UK")):
            # At most once for the last day, and once for the days before it.
            assert plays_read(warehouse, question, filters) <= 2 * len(asked_of), name


OF_PLAYS = {"devices", "level_changes"}
"""Questions that no summary answers."""


def plays_read(warehouse: Warehouse, question: Question, filters: Filters) -> int:
    before = read_of(warehouse)["songplays"]
    with reading(30) as read:
        read(*query(question, filters))
    # What a session has read is told when it ends.
    deadline = time.monotonic() + 10
    ours = "select count(*) from pg_stat_activity where application_name = 'sparkify page'"
    while warehouse.value(ours) and time.monotonic() < deadline:
        time.sleep(0.01)
    return read_of(warehouse)["songplays"] - before


def read_of(warehouse: Warehouse, *more: str) -> dict[str, int]:
    warehouse.client.execute("select pg_stat_clear_snapshot()")
    found = warehouse.client.execute(
        "select relname, seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_user_tables "
        "where relname = any(%s)",
        [["user_events", "time", "songplays", *more]],
    )
    return dict(found.fetchall())
