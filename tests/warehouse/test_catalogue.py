"""The catalogue is a function of the song files, however runs that load them interleave."""

import json
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from local.tools.pipeline import Pipeline
from tests.reference import expected
from tests.support.search import budget
from tests.support.sources import TestSource, play, song
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")

DAY = ("2018-11-15", "2018-11-16")


@pytest.fixture(autouse=True)
def any_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that breaks must not stop these small runs."""
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")


@pytest.fixture(autouse=True)
def a_play(source: TestSource) -> None:
    """One play, of what ``song`` describes."""
    source.events(play("2018-11-15 10:00:00"))


def write(source: TestSource, name: str, *songs: dict[str, Any]) -> None:
    source.song_text(name, "\n".join(json.dumps(one) for one in songs))


def until(run: Iterator[str], task_id: str) -> None:
    """Let a run's tasks run up to one of them, which is the last."""
    assert task_id in run


def finish(run: Iterator[str]) -> None:
    for _ in run:
        pass


def run_of(pipeline: Pipeline, run_id: str) -> Iterator[str]:
    return pipeline.run_tasks(pipeline.context(*DAY, run_id=run_id))


def check(warehouse: Warehouse, source: TestSource) -> None:
    """The tables are what the files say."""
    found, right = warehouse.contents(), expected(source.root)
    for table in ("songs", "artists", "songplays"):
        assert found[table] == right[table], table


def test_a_late_run_leaves_a_file_to_the_run_that_read_it_later(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.songs(song("SO1", year=1999))
    late = run_of(pipeline, "late")
    until(late, "audit_staged")
    source.songs(song("SO1", year=2000, title="A title of its own"))
    pipeline.run(*DAY)
    finish(late)
    check(warehouse, source)
    assert "stage_songs" in pipeline.run(*DAY)


def test_an_artist_stays_whose_songs_come_next(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.songs(song("SO1"))
    other = run_of(pipeline, "other")
    until(other, "audit_staged")
    source.songs(song("SO2", artist_id="ARNEW"))
    slow = run_of(pipeline, "slow")
    until(slow, "load_artists")
    finish(other)
    finish(slow)
    check(warehouse, source)
    source.songs(song("SO3"))
    pipeline.run(*DAY)


def test_a_file_that_now_holds_another_song_holds_the_old_one_no_more(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    write(source, "FILE", song("SO1"))
    pipeline.run(*DAY)
    write(source, "FILE", song("SO2", artist_id="AROTHER"))
    pipeline.run(*DAY)
    assert warehouse.rows("select song_id, artist_id from songplays") == [("SO2", "AROTHER")]
    check(warehouse, source)


def test_a_song_that_its_file_has_lost_is_gone_and_its_plays_with_the_next_best(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    write(source, "FILE", song("SO1", artist_id="AROTHER"), song("SO2"), song("SO3"))
    pipeline.run(*DAY)
    write(source, "FILE", song("SO2"), song("SO3"))
    pipeline.run(*DAY)
    assert warehouse.rows("select song_id, artist_id from songplays") == [("SO2", "ARTEST01")]
    write(source, "FILE", song("SO3", title="A title of its own"))
    pipeline.run(*DAY)
    assert warehouse.column("select song_id from songplays") == [None]
    check(warehouse, source)


@pytest.mark.parametrize("broken", ["", '{"song_id": "SO1", "title": ', '{"song_id": null}'])
def test_a_broken_file_holds_no_songs_until_it_is_mended(
    broken: str, pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    write(source, "FILE", song("SO1"))
    pipeline.run(*DAY)
    source.song_text("FILE", broken)
    pipeline.run(*DAY)
    assert warehouse.count("songs") == 0
    assert warehouse.column("select song_id from songplays") == [None]
    assert "stage_songs" in pipeline.run(*DAY)
    write(source, "FILE", song("SO1"))
    pipeline.run(*DAY)
    check(warehouse, source)


def test_one_broken_file_beside_a_whole_catalogue_stops_no_hour(
    pipeline: Pipeline,
    source: TestSource,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "0.01")
    for number in range(100):
        write(source, f"FILE{number}", song(f"SO{number}"))
    pipeline.run(*DAY)
    source.song_text("FILE7", "broken")
    pipeline.run(*DAY)
    assert warehouse.count("songs") == 99
    assert warehouse.count("rejected_rows") == 1
    # It is read again when it changes, and not before.
    assert "stage_songs" in pipeline.run(*DAY)
    for number in range(8, 10):
        source.song_text(f"FILE{number}", "broken, too")
    with pytest.raises(AirflowFailException, match=r"reject_share: it is 0\.020202"):
        pipeline.run(*DAY)
    assert warehouse.count("songs") == 99


def test_a_run_that_failed_for_songs_is_repaired_once_they_are_elsewhere(
    source: TestSource, pipeline: Pipeline, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "0.01")
    source.song_text("SO1", "{broken")
    context = pipeline.context("2018-11-15", "2018-11-16", run_id="one")
    with pytest.raises(AirflowFailException, match="reject_share"):
        pipeline.run_in(context)
    source.songs(song("SO1"))
    pipeline.run("2018-11-16", "2018-11-17")
    assert "load_songs" in pipeline.run_in(context)
    # Its own balance sheet is of what it has read.
    objects = "select objects from load_runs where run_id = 'one'"
    assert warehouse.value(objects) == 1


def test_a_run_that_failed_for_songs_is_repaired_once_they_are_as_before(
    source: TestSource, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "0.01")
    source.songs(song("SO1"))
    pipeline.run("2018-11-15", "2018-11-16")
    [path] = source.root.glob("song_data/**/*.json")
    text, was = path.read_text(), path.stat()
    path.write_text("")
    context = pipeline.context("2018-11-16", "2018-11-17", run_id="one")
    with pytest.raises(AirflowFailException, match="songs_emptied"):
        pipeline.run_in(context)
    # As S3 restores a version: with the same etag.
    path.write_text(text)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    pipeline.run_in(context)


@pytest.mark.parametrize("first", ["A", "B"])
def test_of_two_files_that_hold_a_song_the_last_by_name_counts_whichever_came_first(
    first: str, pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    files = {"A": song("SO1", year=1999), "B": song("SO1", year=2000, artist_id="AROTHER")}
    for name in [first, *(files.keys() - first)]:
        write(source, name, files[name])
        pipeline.run(*DAY)
    assert warehouse.column("select year from songs") == [2000]
    check(warehouse, source)


def test_where_the_file_that_counted_drops_a_song_the_other_takes_its_place_unread(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    write(source, "A", song("SO1", year=2000))
    write(source, "B", song("SO1", year=1999))
    pipeline.run(*DAY)
    write(source, "B", song("SO2"))
    pipeline.run(*DAY, run_id="second")
    assert warehouse.rows("select song_id, year from songs order by 1") == [
        ("SO1", 2000),
        ("SO2", None),
    ]
    assert warehouse.column(
        "select source_file from file_ledger where run_id = 'second' and dataset = 'staging_songs'"
    ) == ["song_data/A/B/C/TRB.json"]


def test_a_song_moves_between_files(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    write(source, "A", song("SO1"), song("SO2"))
    write(source, "B", song("SO3"))
    pipeline.run(*DAY)
    write(source, "A", song("SO2"))
    write(source, "B", song("SO3"), song("SO1", year=2000))
    pipeline.run(*DAY)
    check(warehouse, source)


@pytest.mark.parametrize(
    "last", ["stage_songs", "load_staging_songs", "load_artists", "load_songs"]
)
def test_what_a_dead_run_did_not_finish_the_next_one_does(
    last: str, pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    write(source, "FILE", song("SO1"))
    pipeline.run(*DAY)
    write(source, "FILE", song("SO2", artist_id="AROTHER"))
    until(run_of(pipeline, "dead"), last)
    pipeline.run(*DAY)
    check(warehouse, source)
    assert "stage_songs" in pipeline.run(*DAY)


def test_plays_that_come_between_the_songs_and_the_link_have_their_song(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.songs(song("SO1"))
    slow = run_of(pipeline, "slow")
    until(slow, "load_staging_songs")
    for task_id in ("stage_events", "audit_staged"):
        pipeline.run_task(task_id, pipeline.context(*DAY, run_id="plays"))
    until(slow, "load_songs")
    pipeline.run_task("load_songplays", pipeline.context(*DAY, run_id="plays"))
    finish(slow)
    check(warehouse, source)


def test_songs_that_come_renew_by_which_rule_plays_match(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    """The rules of repair may have changed since the play was loaded."""
    source.songs(song("SO1"))
    pipeline.run(*DAY)
    warehouse.client.execute("update songplays set match_rule = 'repaired'")
    source.songs(song("SO2", title="Another"))
    pipeline.run("2018-11-16", "2018-11-17")
    assert warehouse.column("select match_rule from songplays") == ["exact"]


def test_a_source_under_another_url_is_read_again(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.songs(song("SO1", year=1999))
    pipeline.run(*DAY)
    other = TestSource(source.root.parent / "other")
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", other.url)
    other.events(play("2018-11-15 10:00:00"))
    other.songs(song("SO1", year=2000))
    pipeline.run(*DAY)
    check(warehouse, other)
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", source.url)
    pipeline.run(*DAY)
    check(warehouse, source)


ABOUT_USERS = {"load_user_events", "load_users", "load_user_levels", "load_time"}
"""Tasks that the catalogue has no part in: the events stay the same."""


class Steps:
    """A run whose tasks are run one by one, in any order that respects what they depend on."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.context = pipeline.context(*DAY)
        self.ended: set[str] = set(ABOUT_USERS)
        self.skipped: set[str] = set()

    def ready(self) -> list[str]:
        tasks = self.pipeline.dag.tasks
        return sorted(
            task.task_id
            for task in tasks
            if task.task_id not in self.ended and task.upstream_task_ids <= self.ended
        )

    def step(self, task_id: str) -> None:
        self.skipped.discard(task_id)
        try:
            if self.pipeline._is_skipped(task_id, self.skipped):
                raise AirflowSkipException
            self.pipeline.run_task(task_id, self.context)
        except AirflowSkipException:
            self.skipped.add(task_id)
        self.ended.add(task_id)

    def clear(self, task_id: str) -> None:
        """Let a task and all below it run once more; what was staged must still be there."""
        if task_id in self.ended - ABOUT_USERS and "drop_staging" not in self.ended:
            task = self.pipeline.dag.get_task(task_id)
            self.ended -= {task_id, *task.get_flat_relative_ids(upstream=False)} - ABOUT_USERS


def some_songs(chance: random.Random) -> str:
    """What a song file may hold; a few ids, so that files share, swap and lose them."""
    if chance.random() < 0.1:
        return "broken"
    return "\n".join(
        json.dumps(
            song(
                chance.choice(["SO1", "SO2", "SO3"]),
                title=chance.choice(["First Light", "First Light", "Another"]),
                artist_id=chance.choice(["AR1", "AR2", "AR3"]),
                artist_location=chance.choice(["", "Here", "There"]),
                year=chance.choice([0, 1999]),
            )
        )
        for _ in range(chance.choice([0, 1, 1, 1, 2]))
    )


def distinct(text: str) -> str:
    """The text without second copies of a song: which one counts is tested by itself."""
    lines = {json.loads(line)["song_id"]: line for line in text.splitlines() if line != "broken"}
    return "broken" if text == "broken" else "\n".join(lines.values())


@settings(
    max_examples=budget(8),
    # A failing schedule is small as it is.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(chance=st.randoms(use_true_random=False))
def test_any_interleaving_of_runs_while_files_change_ends_with_what_the_files_say(
    chance: random.Random,
    new_warehouse: Callable[[], Warehouse],
    dags: dict[str, DAG],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = Pipeline(dags["sparkify"])
    with tempfile.TemporaryDirectory() as folder:
        source = TestSource(Path(folder))
        monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", source.url)
        warehouse = new_warehouse()
        source.events(play("2018-11-15 10:00:00"))
        pipeline.run(*DAY)
        runs = [Steps(pipeline) for _ in range(chance.choice([2, 3]))]
        for _ in range(chance.randint(5, 45)):
            run = chance.choice(runs)
            match chance.choice(["step"] * 12 + ["write"] * 2 + ["clear"]):
                case "write":
                    name = chance.choice(["A", "B", "C"])
                    source.song_text(name, distinct(some_songs(chance)))
                case "clear":
                    run.clear(chance.choice(pipeline.dag.task_ids))
                case _ if ready := run.ready():
                    run.step(chance.choice(ready))
                    assert warehouse.rows(SONGS_WITHOUT_ARTIST) == []
        pipeline.run(*DAY)
        check(warehouse, source)
        assert "stage_songs" in pipeline.run(*DAY)


SONGS_WITHOUT_ARTIST = """
select songs.song_id, songs.artist_id from songs
left join artists on songs.artist_id = artists.artist_id where artists.artist_id is null
"""
