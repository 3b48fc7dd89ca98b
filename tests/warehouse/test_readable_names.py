"""Garbled names: kept as delivered, read and matched as they were meant."""

from pathlib import Path

import pytest

from local.tools.pipeline import Pipeline
from tests.support.sources import TestSource, play, song
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")

DAY = ("2018-11-15T00:00:00Z", "2018-11-16T00:00:00Z")
GARBLED = "BjÃ\x83Â¶rk"
MATCHES = (
    "select song_title, artist_name, song_id, match_rule from songplays order by item_in_session"
)


def test_a_garbled_name_matches_as_it_was_meant_and_stays_as_delivered(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(
        play("2018-11-15 10:00:00", song="Undo", artist=GARBLED),
        play("2018-11-15 10:05:00", song="Undo", artist="Björk", itemInSession=1),
        play("2018-11-15 10:10:00", song="Undo", artist="Bjork", itemInSession=2),
        play("2018-11-15 10:15:00", song=None, artist=None, itemInSession=3),
    )
    source.songs(song("SO1", title="Undo", artist_name="Björk"))
    context = pipeline.context(*DAY)
    for task_id in list(pipeline.order())[:-1]:
        pipeline.run_task(task_id, context)
    assert pipeline.run_task("load_songplays", context) == {"exact": 1, "none": 2, "repaired": 1}
    assert warehouse.rows(MATCHES) == [
        ("Undo", GARBLED, "SO1", "repaired"),
        ("Undo", "Björk", "SO1", "exact"),
        ("Undo", "Bjork", None, None),
        (None, None, None, None),
    ]
    assert warehouse.rows("select delivered, repaired from repaired_names") == [(GARBLED, "Björk")]
    readable = "select artist_name from readable_songplays order by item_in_session"
    assert warehouse.column(readable) == ["Björk", "Björk", "Bjork", None]


def test_a_song_that_comes_later_is_linked_to_plays_under_a_garbled_name(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00", song="Undo", artist=GARBLED))
    pipeline.run(*DAY)
    source.songs(song("SO1", title="Undo", artist_name="Björk"))
    pipeline.run("2018-11-20", "2018-11-21")
    assert warehouse.rows(MATCHES) == [("Undo", GARBLED, "SO1", "repaired")]
    source.songs(song("SO1", title="Undone", artist_name="Björk"))
    pipeline.run("2018-11-20", "2018-11-21")
    assert warehouse.rows(MATCHES) == [("Undo", GARBLED, None, None)]


def test_the_second_most_played_song_of_the_public_data_set_is_undo_by_bjork(
    pipeline: Pipeline, warehouse: Warehouse, real_source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", real_source.as_uri())
    pipeline.run("2018-11-01", "2018-12-01")
    assert warehouse.count("repaired_names") == 195
    most_played = "select * from (select song_title, artist_name, count(*) as plays from {} group "
    most_played += "by 1, 2) as songs order by plays desc, song_title limit 2"
    assert warehouse.rows(most_played.format("readable_songplays")) == [
        ("You're The One", "Dwight Yoakam", 37),
        ("Undo", "Björk", 28),
    ]
    assert warehouse.rows(most_played.format("songplays"))[1] == ("Undo", GARBLED, 28)
    assert warehouse.count("readable_songplays") == 6820
    assert warehouse.value("select count(*) from readable_songplays where is_repaired") == 326
    assert warehouse.rows("select match_rule, count(*) from songplays group by 1 order by 1") == [
        ("exact", 1),
        (None, 6819),
    ]
