"""A file that grows is read on from where it was read before, and all comes to the same as anew."""

import json
import os
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from local.tools.pipeline import Pipeline
from sparkify.records import blocks
from sparkify.staging import postgres
from sparkify.staging.ledger import record_reading
from tests.support.interleaving import TASKS, quickly
from tests.support.search import budget
from tests.support.sources import TestSource, play, visit
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")

DAY = "2018-11-15"
START = datetime(2018, 11, 15, tzinfo=UTC)
NAME = f"log_data/2018/11/{DAY}-events.json"
BLOCK = 2_000
"""Bytes of a block here: four or five events."""

BROKEN = [
    '{"ts": ',
    "not JSON at all",
    "",
    "   ",
    json.dumps(play(f"{DAY} 00:00", userId="")),
    json.dumps(play(f"{DAY} 00:00", ts="soon")),
    json.dumps(play("2018-11-14 23:59:59")),
    json.dumps(play(f"{DAY} 05:00"), indent=1),
    json.dumps(visit(f"{DAY} 05:00")) + " " + json.dumps(visit(f"{DAY} 06:00")),
    json.dumps(play(f"{DAY} 05:00", Level="paid", level=None)),
]
"""What else than an event a line may hold, or several."""

ACCOUNTS = """
select source_file, reading, etag, size_bytes, line_count, folded_count, forgotten_count,
    row_count, reject_count, published_at is not null
from file_ledger order by reading, source_file
"""
BALANCES = """
select run_id, objects, missing, bytes, lines, folded, forgotten, staged, rejected, plays_staged,
    plays_duplicate, plays_published, plays_matched, plays_left
from load_runs order by run_id
"""
HOURS = """
select hour_start, asked_by, loaded_by, loaded_reading, plays, user_events, damage, events_loaded,
    events_in_files, content_loaded, content_in_files, files_reading, files, rejects
from hour_loads order by hour_start
"""
REJECTS = """
select source_file, line_number, column_name, reason, raw_text, resolved_by is null,
    resolved_at is null
from rejected_rows order by 1, 2, 3, 4, 5, 6, 7
"""
CONTINUED = "select count(*) from file_ledger where continued_count is not null"


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", BLOCK)


class Side:
    """A warehouse, and whether its runs read on or read everything."""

    def __init__(self, warehouse: Warehouse, connection: str, dag: DAG, *, reads_on: bool) -> None:
        self.warehouse = warehouse
        self.connection = connection
        self.pipeline = Pipeline(dag, allow_removed=True)
        self.reads_on = reads_on

    def run(
        self,
        start: datetime,
        run_id: str,
        tasks: Iterable[str] = TASKS,
        lookback: timedelta = timedelta(),
    ) -> None:
        """Execute tasks of the run of an hour."""
        end = start + timedelta(hours=1)
        start = max(START, start - lookback)
        with self.leads_here() as patch, quickly(self.pipeline):
            if not self.reads_on:
                patch.setattr(postgres, "growing_file", lambda reading: None)
            context = self.pipeline.context(start.isoformat(), end.isoformat(), run_id=run_id)
            for task in tasks:
                self.pipeline.run_task(task, context)

    @contextmanager
    def leads_here(self) -> Iterator[pytest.MonkeyPatch]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", self.connection)
            yield patch

    def state(self) -> dict[str, Any]:
        told = {"accounts": ACCOUNTS, "balances": BALANCES, "hours": HOURS, "rejects": REJECTS}
        return self.warehouse.contents() | {
            name: self.warehouse.rows(query) for name, query in told.items()
        }


@pytest.fixture
def sides(
    new_warehouse: Callable[[], Warehouse], dags: dict[str, DAG], monkeypatch: pytest.MonkeyPatch
) -> tuple[Side, Side]:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")

    def made(*, reads_on: bool) -> Side:
        warehouse = new_warehouse()
        connection = os.environ["AIRFLOW_CONN_SPARKIFY_WAREHOUSE"]
        return Side(warehouse, connection, dags["sparkify"], reads_on=reads_on)

    return made(reads_on=True), made(reads_on=False)


class GrowingFile:
    """A day's file, to which the app appends, and in which now and then something is changed."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path = path
        self.chance = random.Random(seed)  # noqa: S311 - the same file for the same seed
        self.text = ""
        self.items = 0
        path.parent.mkdir(parents=True)

    def append(self, moment: datetime) -> None:
        """An event, nearly always of this moment and on a line of its own."""
        self.items += 1
        kind = self.chance.random()
        if kind < 0.1:
            line = self.chance.choice(BROKEN)
        else:
            late = timedelta(hours=self.chance.randint(0, 5)) if kind < 0.15 else timedelta()
            line = self.event(max(START, moment - late))
        begins = "\n" if self.text and not self.text.endswith("\n") else ""
        ends = self.chance.choice(["\n", "\n", "\n", "", "\r\n", "\n\n"])
        self.text += begins + line + ends

    def event(self, moment: datetime) -> str:
        """The line of an event."""
        make = play if self.chance.random() < 0.7 else visit
        user = self.chance.choice(["1", "2", "3"])
        level = self.chance.choice(["free", "paid"])
        event = make(
            f"{moment:%Y-%m-%d %H:%M:%S}", itemInSession=self.items, userId=user, level=level
        )
        return json.dumps(event)

    def change(self) -> None:
        """One that no log of an app makes, but a person may."""
        lines = self.text.split("\n")
        place = self.chance.randrange(len(lines))
        match self.chance.choice(["correct", "remove", "truncate"]):
            case "correct":
                lines[place] = lines[place].replace("free", "paid")
            case "remove":
                del lines[place]
            case _:
                lines[-1] = lines[-1][: len(lines[-1]) // 2]
        self.text = "\n".join(lines)

    def write(self) -> None:
        self.path.write_text(self.text)


SEEDS = budget(4, "SPARKIFY_GROWING")
"""How many files grow. What they seldom meet has a test of its own below."""


@pytest.mark.parametrize("seed", range(SEEDS))
def test_reading_on_comes_to_the_same_as_reading_all(
    seed: int, sides: tuple[Side, Side], source: TestSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookback = timedelta(minutes=90 * (seed % 2))
    minutes = lookback // timedelta(minutes=1)
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_LOOKBACK_MINUTES", str(minutes))
    file = GrowingFile(source.root / NAME, seed)
    chance = file.chance
    moment = START
    for hour in range(1, 13):
        end = START + timedelta(hours=hour)
        # A run begins some minutes after its hour.
        until = end + timedelta(minutes=chance.choice([0, 0, 2, 20]))
        while moment < until:
            file.append(moment)
            moment += timedelta(minutes=chance.randint(1, 9))
        if chance.random() < 0.15:
            file.change()
        file.write()
        hours = [end - timedelta(hours=1)]
        if chance.random() < 0.2:
            hours.insert(chance.randint(0, 1), end - timedelta(hours=chance.randint(1, hour)))
        for number, start in enumerate(hours):
            for side in sides:
                side.run(start, f"hour_{hour}_{number}", lookback=lookback)
        is_the_same(sides)
    assert sides[0].warehouse.value(CONTINUED) > 3
    assert sides[1].warehouse.value(CONTINUED) == 0


def is_the_same(sides: tuple[Side, Side], but: str = "") -> None:
    on, anew = (side.state() for side in sides)
    for part in anew.keys() - {but}:
        assert on[part] == anew[part], part


@pytest.fixture
def grown(source: TestSource) -> GrowingFile:
    """A file with the events of two hours, and some more, each on a line of its own."""
    file = GrowingFile(source.root / NAME, seed=0)
    file.text = "\n".join(
        file.event(START + timedelta(minutes=minute)) for minute in range(0, 130, 5)
    )
    file.write()
    return file


def hour(number: int) -> datetime:
    return START + timedelta(hours=number)


EVENT = json.dumps(visit(f"{DAY} 01:30"))
CUT = EVENT.index(",") + 1


@pytest.mark.parametrize(
    ("end", "more"),
    [("", EVENT), ("\n" + EVENT[:CUT], "\n" + EVENT[CUT:])],
    ids=["by another object", "by a line of the same object"],
)
def test_a_last_line_that_goes_on_is_read_again(
    end: str, more: str, sides: tuple[Side, Side], grown: GrowingFile
) -> None:
    grown.text += end
    grown.write()
    is_read_from_its_start(sides, grown, grown.text + more)


def test_a_correction_of_the_same_length_is_read(
    sides: tuple[Side, Side], grown: GrowingFile
) -> None:
    first, *others = grown.text.split("\n")
    corrected = first.replace("London", "Dublin")
    assert corrected != first
    is_read_from_its_start(sides, grown, "\n".join([corrected, *others, EVENT]))


def is_read_from_its_start(sides: tuple[Side, Side], grown: GrowingFile, text: str) -> None:
    """A run reads the file, which then has another text, and the next run reads all of it."""
    for side in sides:
        side.run(hour(0), "first")
    grown.text = text
    grown.write()
    for side in sides:
        side.run(hour(1), "second")
    is_the_same(sides)
    assert sides[0].warehouse.value(CONTINUED) == 0


def test_what_is_not_published_is_not_gone_on_from(
    sides: tuple[Side, Side], grown: GrowingFile
) -> None:
    for side in sides:
        side.run(hour(0), "first")
    grown.text += "\n" + grown.event(hour(0))
    grown.write()
    for side in sides:
        side.run(hour(1), "dead", ["stage_events", "audit_staged"])
        side.run(hour(2), "third")
    is_the_same(sides)
    assert sides[0].warehouse.value(CONTINUED) == 1, "the dead run's reading"


def test_an_hour_requested_meanwhile_is_left_to_its_run(
    sides: tuple[Side, Side], grown: GrowingFile
) -> None:
    side, _ = sides
    side.run(hour(1), "second")
    side.warehouse.client.execute(
        "insert into hour_loads (hour_start, asked_by, plays) values (%s, 'first', 0)",
        [hour(0).replace(tzinfo=None)],
    )
    side.run(hour(2), "third")
    assert side.warehouse.value(CONTINUED) == 1
    seen = "select files_reading from hour_loads order by hour_start"
    assert side.warehouse.column(seen) == [None, 2, 2]


def test_where_another_run_has_read_the_file_meanwhile_all_is_read(
    sides: tuple[Side, Side], grown: GrowingFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    for side in sides:
        side.run(hour(0), "first")

    def others_first(*arguments: Any) -> None:
        sides[0].warehouse.client.execute("update file_ends set reading = 0, etag = 'other'")
        record_reading(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("sparkify.staging.postgres.record_reading", others_first)
        sides[0].run(hour(1), "second")
    sides[1].run(hour(1), "second")
    is_the_same(sides)
    assert sides[0].warehouse.value(CONTINUED) == 0


def test_a_user_forgotten_while_a_run_reads_on_is_in_no_version_of_an_hour(
    sides: tuple[Side, Side], grown: GrowingFile, dags: dict[str, DAG]
) -> None:
    for side in sides:
        side.run(hour(0), "first")
        side.run(hour(1), "second", ["stage_events", "audit_staged"])
        with side.leads_here():
            forget = Pipeline(dags["sparkify_forget"])
            params = {"user_ids": [1], "reason": "asked", "confirm": "forget 1 user"}
            forget.run_in(forget.context(params=params))
        side.run(hour(1), "second", list(TASKS)[2:])
    assert sides[0].warehouse.value(CONTINUED) == 1
    # Of what was staged before, the second run counts the user's records as before.
    is_the_same(sides, but="balances")
    for side in sides:
        side.run(hour(2), "third")
    is_the_same(sides, but="balances")
    assert sides[0].warehouse.value(CONTINUED) == 1, "the users to leave out are others"
