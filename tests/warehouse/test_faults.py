"""
The faults of public Sparkify pipelines, each put into a copy of the SQL, and what notices them.

Keys are not enforced here, as on Redshift: what is noticed is noticed by a check.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from local.tools.pipeline import Pipeline
from sparkify.macros import sql_folder
from sparkify.operators.load import Slice
from sparkify.operators.load_fact import LoadFactOperator
from sparkify.records.reader import Batch, RecordReader
from tests.support.dags import parsed_dags
from tests.support.sources import TestSource, play, song, visit
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")


class Fault(NamedTuple):
    """What is written in place of what in which file, and the check that notices."""

    file: str
    right: str
    wrong: str
    check: str


PLAYS = '{% include "fragments/plays.sql" %}'
FAULTS = {
    "plays lost by an inner join": Fault(
        "load/songplays.sql", "left join songs", "inner join songs", "plays_add_up"
    ),
    "plays kept without the text that says what was played": Fault(
        "load/songplays.sql", "song as song_title", "null as song_title", "songplays_as_played"
    ),
    "the whole bucket appended every hour": Fault(
        "load/songplays.sql", PLAYS, "page = 'NextSong'", "songplays_as_loaded"
    ),
    "users doubled by distinct … level": Fault(
        "load/users.sql", "partition by user_id\n", "partition by user_id, level\n", "users_unique"
    ),
    "max(level) as current level": Fault(
        "load/users.sql",
        "        event_time,\n        level,",
        "        event_time,\n        max(level) over (partition by user_id) as level,",
        "users_as_last_seen",
    ),
    "an older re-run setting a level back": Fault(
        "load/users.sql",
        "    and (users.user_id is null or bereft.user_id is not null)",
        "",
        "users_as_last_seen",
    ),
    "durations without their fractions": Fault(
        "schema/songplays.sql",
        "duration double precision",
        "duration numeric(18, 0)",
        "songplays_as_played",
    ),
    "durations of songs without their fractions": Fault(
        "schema/songs.sql",
        "duration double precision",
        "duration numeric(18, 0)",
        "songs_as_delivered",
    ),
    "ts / 1000 in a key": Fault(
        "load/songplays.sql",
        "    ts as start_time",
        "    date_trunc('second', ts) as start_time",
        "songplays_as_played",
    ),
    "a join that fans out": Fault(
        "load/songplays.sql", "where choice = 1", "where choice >= 1", "songplays_unique"
    ),
    "spells that overlap": Fault(
        "load/user_levels.sql",
        "lead(event_time) over (partition by user_id order by event_time) as valid_to",
        "cast(null as timestamp) as valid_to",
        "user_levels_unbroken",
    ),
    "plays without a time": Fault(
        "load/time.sql", PLAYS, f"{PLAYS} and false", "songplays_times_known"
    ),
}


UNKEYED = """
do $$ declare held record; begin
    for held in select conrelid::regclass as its, conname from pg_constraint where contype = 'p'
        and connamespace = current_schema()::regnamespace
    loop execute format('alter table %s drop constraint %I', held.its, held.conname); end loop;
end $$
"""


@pytest.fixture
def world(source: TestSource) -> None:
    """Three hours in which users change level, a play comes twice, and two songs match one play."""
    first = play("2018-11-15 09:00:00.500")
    source.events(
        first,
        play("2018-11-15 10:10:00", itemInSession=1, level="paid"),
        play("2018-11-15 10:20:00", userId="2", song="Second Light"),
        play("2018-11-15 10:20:00", userId="2", song="Second Light"),
        visit("2018-11-15 10:40:00", itemInSession=2),
        play("2018-11-15 11:00:00.500", itemInSession=3, level="paid"),
    )
    source.songs(song("SO1"), song("SO2"))


def project(folder: Path, fault: Fault | None = None) -> dict[str, DAG]:
    """The DAGs, with a copy of the SQL that has one fault."""
    shutil.copytree(sql_folder(), folder / "sql")
    if fault:
        file = folder / "sql" / fault.file
        assert file.read_text().count(fault.right) == 1, f"{fault.file} no longer has it once"
        file.write_text(file.read_text().replace(fault.right, fault.wrong))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sparkify.macros.sql_folder", lambda: folder / "sql")
        return parsed_dags()


def load(pipeline: Pipeline, *hours: int) -> None:
    """Runs of these hours; one that fails is none."""
    for hour in hours:
        with suppress(AirflowFailException):
            pipeline.run_hour(datetime(2018, 11, 15, hour))


def failed_checks(warehouse: Warehouse) -> set[str]:
    return set(warehouse.column("select check_name from quality_results where not passed"))


def damaged_hours(warehouse: Warehouse) -> list[int]:
    damaged = warehouse.column("select hour_start from hour_states where state = 'damaged'")
    return [hour.hour for hour in damaged]


@pytest.mark.usefixtures("world")
def test_without_a_fault_nothing_fails(tmp_path: Path, warehouse: Warehouse) -> None:
    warehouse.client.execute(UNKEYED)
    load(Pipeline(project(tmp_path)["sparkify"]), 11, 10, 9, 10)
    assert failed_checks(warehouse) == set()
    assert warehouse.count("songplays") == 4


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_noticed(fault: Fault, tmp_path: Path, warehouse: Warehouse) -> None:
    dags = project(tmp_path, fault)
    if fault.file.startswith("schema/"):
        table = Path(fault.file).stem
        warehouse.client.execute(f"drop table {table} cascade")
        schema = Pipeline(dags["sparkify_schema"])
        for task_id in ("create_tables", "create_views"):
            schema.run_task(task_id, schema.context())
    warehouse.client.execute(UNKEYED)
    load(Pipeline(dags["sparkify"]), 10, 11, 10)
    assert fault.check in failed_checks(warehouse)


@pytest.mark.usefixtures("world")
def test_plays_lost_between_a_delete_and_an_insert_are_missed_by_the_next_run(
    pipeline: Pipeline, warehouse: Warehouse
) -> None:
    load(pipeline, 9, 10)
    warehouse.client.execute("delete from songplays where start_time >= '2018-11-15 10:00'")
    pipeline.run_hour(datetime(2018, 11, 15, 11))
    # It is no fault of that run.
    assert failed_checks(warehouse) == {"songplays_as_loaded"}
    assert damaged_hours(warehouse) == [10]


@pytest.mark.usefixtures("world")
def test_a_truncate_in_a_load_is_noticed(
    pipeline: Pipeline, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(pipeline, 9)

    def replacement(self: LoadFactOperator, cursor: Any) -> list[str]:
        _, insert = Slice(self.table, self.window, self.sql).replacement(cursor)
        return [f"truncate {self.table}", insert]

    monkeypatch.setattr(LoadFactOperator, "replacement", replacement)
    load(pipeline, 10)
    assert "songplays_as_loaded" in failed_checks(warehouse)
    assert damaged_hours(warehouse) == [9]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda batch: batch.rejects.clear(), "lines_add_up"),
        (lambda batch: batch.rows.subtract(dict.fromkeys(batch.rows, 1)), "rows of staging_events"),
        (lambda batch: batch.frames.extend(batch.frames[:]), "rows of staging_events were sent"),
        (lambda batch: batch.frames.clear(), "but it stored 0; nothing was staged"),
    ],
    ids=["errors passed over", "rows not counted", "rows sent twice", "rows lost"],
)
@pytest.mark.usefixtures("world")
def test_a_reader_that_loses_or_doubles_lines_publishes_nothing(
    spoil: Callable[[Batch], None],
    told: str,
    source: TestSource,
    pipeline: Pipeline,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source.lines("2018-11-15", *[json.dumps(play("2018-11-15 10:00:00"))] * 200, "broken")
    batches = RecordReader.batches

    def spoiled(self: RecordReader, blocks: Any) -> Iterator[Batch]:
        for batch in batches(self, blocks):
            spoil(batch)
            yield batch

    monkeypatch.setattr(RecordReader, "batches", spoiled)
    with pytest.raises(AirflowFailException, match=told):
        pipeline.run_hour(datetime(2018, 11, 15, 10))
    assert not any(warehouse.contents().values())
