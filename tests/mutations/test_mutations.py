"""The guards that make one result of any order: each is broken once, and it must show."""

import json
import shutil
from collections.abc import Callable
from datetime import datetime

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException

from local.tools.pipeline import Pipeline
from sparkify.operators.load import LoadOperator
from sparkify.operators.load_fact import LoadFactOperator
from sparkify.window import Window
from tests.support.dags import task_of
from tests.support.sources import TestSource, play, song, visit
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")

Break = Callable[[DAG, pytest.MonkeyPatch], None]
TEN, ELEVEN = datetime(2018, 11, 15, 10), datetime(2018, 11, 15, 11)


def text(task_id: str, guard: str, broken: str) -> Break:
    """Break a guard in a task's SQL."""

    def change(dag: DAG, patch: pytest.MonkeyPatch) -> None:
        task = task_of(dag, task_id, LoadOperator)
        assert guard in task.sql, f"{task_id} has no {guard!r} any more: break what took its place."
        patch.setattr(task, "sql", task.sql.replace(guard, broken))

    return change


def window_end(dag: DAG, patch: pytest.MonkeyPatch) -> None:
    """Let the end of a window belong to it."""
    holds = Window.holds
    patch.setattr(Window, "holds", lambda *words: holds(*words).replace(" < ", " <= "))


def delete(dag: DAG, patch: pytest.MonkeyPatch) -> None:
    """Insert the window's rows without deleting those that are there."""
    replacement = LoadFactOperator.replacement
    patch.setattr(LoadFactOperator, "replacement", lambda *words: replacement(*words)[1:])


MUTATIONS: dict[str, Break] = {
    "the users guard": text(
        "load_users", "and (users.user_id is null or bereft.user_id is not null)", ""
    ),
    "the window's end": window_end,
    "the delete": delete,
    "the relink": text("link_songplays", ") as known\n    on", ") as known\n    on false and"),
    "of several songs the smallest": text(
        "link_songplays", "min(catalogue.song_id)", "max(catalogue.song_id)"
    ),
    "of several files the last": text("load_staging_songs", "source_file desc", "source_file"),
    "the last event's level": text("load_users", "event_time desc", "event_time asc"),
    "spells made anew": text("load_user_levels", "where stable.user_id is null", "where false"),
    "an artist's song with a place": text(
        "load_artists", "when artist_location is null", "when false"
    ),
}


def schedule(pipeline: Pipeline, source: TestSource) -> None:
    """Hours out of order, a file that is corrected, songs that come late."""
    shutil.rmtree(source.root)
    early = play("2018-11-15 10:00:00", level="free")
    gone = play("2018-11-15 10:30:00", itemInSession=1)
    flip = visit("2018-11-15 11:00:00", "Upgrade", level="paid", itemInSession=2)
    last = play("2018-11-15 11:30:00", level="paid", lastName="King", itemInSession=3)
    next_hour = play("2018-11-15 12:00:00", level="paid", itemInSession=4)
    source.songs(song("SO3", artist_location="Testville"))
    source.song_text("A", json.dumps(song("SO3", artist_location="Elsewhere")))
    source.events(early, gone, flip, last, next_hour)
    pipeline.run_hour(ELEVEN)
    pipeline.run_hour(TEN)
    source.songs(song("SO2"), song("SO1", title="Second Light"))
    source.events(early, flip, last, next_hour)
    pipeline.run_hour(TEN)


@pytest.fixture
def contents(
    dags: dict[str, DAG], source: TestSource, new_warehouse: Callable[[], Warehouse]
) -> Callable[[], object]:
    """What the schedule gives, with whatever is broken meanwhile; or what stops it."""

    def run() -> object:
        warehouse = new_warehouse()
        try:
            schedule(Pipeline(dags["sparkify"]), source)
        except AirflowException as failure:
            return failure
        return warehouse.contents()

    return run


@pytest.fixture(scope="module")
def unbroken() -> list[object]:
    """What the schedule gives with nothing broken, once a test has found it out for all."""
    return []


@pytest.mark.parametrize("broken", MUTATIONS.values(), ids=MUTATIONS)
def test_a_broken_guard_shows(
    broken: Break,
    contents: Callable[[], object],
    unbroken: list[object],
    dags: dict[str, DAG],
) -> None:
    if not unbroken:
        unbroken.append(contents())
    [right] = unbroken
    assert isinstance(right, dict)
    with pytest.MonkeyPatch.context() as patch:
        broken(dags["sparkify"], patch)
        assert contents() != right
