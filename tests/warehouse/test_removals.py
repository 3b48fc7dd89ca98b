"""What was loaded goes only with a word from an engineer, and too many rejects stop a run."""

import json
import shutil
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

from local.tools.pipeline import Pipeline
from tests.support.sources import TestSource, play, song, visit
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")

DAY = ("2018-11-15", "2018-11-16")
TEN = ("2018-11-15T10:00:00Z", "2018-11-15T11:00:00Z")
ELEVEN = ("2018-11-15T11:00:00Z", "2018-11-15T12:00:00Z")
PARTS = "log_data/%Y/%m/%d/part-*.json"
FOLDER = "log_data/2018/11/15"


@pytest.fixture
def parts(source: TestSource, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two parts of a day, each with a hundred plays of two hours."""
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION", PARTS)
    folder = source.root / FOLDER
    folder.mkdir(parents=True)
    paths = [folder / f"part-{number}.json" for number in range(2)]
    for session, path in enumerate(paths):
        events = [
            play(f"2018-11-15 1{item % 2}:00:00", sessionId=session, itemInSession=item)
            for item in range(100)
        ]
        path.write_text("\n".join(map(json.dumps, events)))
    return paths


@pytest.fixture
def allowing(pipeline: Pipeline) -> Pipeline:
    return Pipeline(pipeline.dag, allow_removed=True)


@pytest.mark.parametrize("gone", [1, 2])
def test_parts_of_a_loaded_day_go_with_a_word_only(
    gone: int, parts: list[Path], pipeline: Pipeline, allowing: Pipeline, warehouse: Warehouse
) -> None:
    pipeline.run(*DAY)
    for path in parts[:gone]:
        path.unlink()
    for window in (DAY, TEN):
        with pytest.raises(
            AirflowFailException, match=rf"files_vanished(.|\n)*{parts[0].name}"
        ) as no:
            pipeline.run(*window)
        assert "allow_removed" in str(no.value)
    assert warehouse.count("songplays") == 200
    allowing.run(*TEN)
    left = {1: 150, 2: 100}[gone]
    assert warehouse.count("songplays") == left
    # What was said of one hour stays said, and was not said of the next.
    pipeline.run(*TEN)
    with pytest.raises(AirflowFailException, match="files_vanished"):
        pipeline.run(*ELEVEN)
    assert warehouse.count("songplays") == left
    allowing.run(*DAY)
    pipeline.run(*ELEVEN)
    assert warehouse.count("songplays") == 200 - 100 * gone
    parts[0].write_text(json.dumps(play("2018-11-15 10:00:00", sessionId=7)))
    pipeline.run(*DAY)
    parts[0].unlink()
    with pytest.raises(AirflowFailException, match="files_vanished"):
        pipeline.run(*DAY)


@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_parts_go_with_a_word_only_where_the_same_run_loads_them_again(
    how: str, parts: list[Path], pipeline: Pipeline, allowing: Pipeline, warehouse: Warehouse
) -> None:
    context = pipeline.context(*DAY, run_id="one")
    pipeline.run_in(context)
    if how == "deleted":
        parts[0].unlink()
    else:
        parts[0].write_text("")
    with pytest.raises(AirflowFailException, match=rf"files_vanished(.|\n)*{parts[0].name}"):
        pipeline.run_in(context)
    # Nor does another run take its failed try for the last word.
    with pytest.raises(AirflowFailException, match="files_vanished"):
        pipeline.run(*DAY)
    assert warehouse.count("songplays") == 200
    allowing.run(*DAY)
    assert warehouse.count("songplays") == 100
    pipeline.run_in(context)
    assert warehouse.count("songplays") == 100


def test_what_was_said_of_one_hour_is_not_said_of_the_next_however_long_ago(
    parts: list[Path], pipeline: Pipeline, allowing: Pipeline, warehouse: Warehouse
) -> None:
    pipeline.run(*DAY)
    parts[0].unlink()
    allowing.run(*TEN)
    for column in ("read_at", "published_at"):
        warehouse.client.execute(
            f"update file_ledger set {column} = {column} - interval '91 days'".encode()
        )
    # A run in whose window a day begins deletes what has been kept long enough.
    pipeline.run("2018-11-17T00:00:00Z", "2018-11-17T01:00:00Z")
    with pytest.raises(AirflowFailException, match="files_vanished"):
        pipeline.run(*ELEVEN)
    pipeline.run(*TEN)


def test_a_part_that_came_to_a_loaded_day_and_parts_under_other_names_are_no_loss(
    parts: list[Path], pipeline: Pipeline, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.run(*DAY)
    another = json.dumps(play("2018-11-15 10:00:00", sessionId=9))
    parts[0].with_name("part-2.json").write_text(another)
    pipeline.run(*DAY)
    # The template names fewer of them, or a zone calls for those of other days; they are there.
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION", PARTS.replace("*", "?"))
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION_TIMEZONE", "Asia/Tokyo")
    pipeline.run("2018-11-15T20:00:00Z", "2018-11-15T21:00:00Z")
    assert warehouse.count("songplays") == 201


@pytest.mark.parametrize("spelled", ["{}/", "{}//", "file://localhost{}", "{}/../source"])
def test_another_spelling_of_the_source_is_the_same_source(
    spelled: str,
    pipeline: Pipeline,
    source: TestSource,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    source.songs(song("SO1"))
    pipeline.run(*DAY)
    root = str(source.root) if "localhost" in spelled else source.url
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", spelled.format(root))
    if ".." not in spelled:
        assert "load_songs" in pipeline.run(*DAY)
    shutil.rmtree(source.root / "log_data")
    with pytest.raises(AirflowFailException, match="files_vanished"):
        pipeline.run(*DAY)
    assert warehouse.count("songplays") == 1


def test_a_wrong_folder_that_is_there_empties_nothing(
    pipeline: Pipeline,
    source: TestSource,
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source.events(play("2018-11-15 10:00:00"), play("2018-11-16 10:00:00", itemInSession=1))
    pipeline.run(*DAY)
    wrong = TestSource(tmp_path / "wrong")
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", wrong.url)
    with pytest.raises(AirflowFailException, match="files_vanished"):
        pipeline.run(*DAY)
    wrong.lines("2018-11-15", json.dumps(play("2018-11-15 20:00:00")))
    with pytest.raises(AirflowFailException, match=r"hours_emptied(.|\n)*2018-11-15 10:00"):
        pipeline.run(*DAY)
    assert warehouse.count("songplays") == 1


EMPTIED = {
    "cut to nothing": [],
    "a line of another hour": [json.dumps(visit("2018-11-15 09:00:00"))],
    "no plays": [json.dumps(visit("2018-11-15 10:00:00"))],
    "all rejected": ["broken", json.dumps(play("2018-11-15 10:00:00", userId="x"))],
}


@pytest.mark.parametrize("how", EMPTIED)
@pytest.mark.parametrize("window", [DAY, TEN, ("2018-11-15T10:10:00Z", "2018-11-15T10:20:00Z")])
def test_a_loaded_hour_is_emptied_with_a_word_only(
    how: str,
    window: tuple[str, str],
    pipeline: Pipeline,
    allowing: Pipeline,
    source: TestSource,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")
    source.events(play("2018-11-15 10:15:00"))
    pipeline.run(*DAY)
    source.lines("2018-11-15", *EMPTIED[how])
    with pytest.raises(AirflowFailException, match=r"hours_emptied(.|\n)*allow_removed"):
        pipeline.run(*window)
    assert warehouse.count("songplays") == 1
    allowing.run(*window)
    assert warehouse.count("songplays") == 0
    if window != DAY:
        return
    pipeline.run(*window)


def test_half_an_hour_is_emptied_if_the_other_half_has_events(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a zone's days begin at half past, the hour's other half is in a file of another day."""
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION_TIMEZONE", "Asia/Kolkata")
    source.lines("2018-11-15", json.dumps(play("2018-11-15 18:20:00")))
    source.lines("2018-11-16", json.dumps(play("2018-11-15 18:40:00", itemInSession=1)))
    days = [f"2018-11-{day}T00:00:00+05:30" for day in (15, 16, 17)]
    pipeline.run(days[0], days[1])
    pipeline.run(days[1], days[2])
    source.lines("2018-11-16", json.dumps(play("2018-11-15 20:00:00", itemInSession=2)))
    pipeline.run(days[1], days[2])
    assert warehouse.count("songplays") == 2
    source.lines("2018-11-15", "")
    with pytest.raises(
        AirflowFailException, match=r"hours_emptied(.|\n)*plays_loaded 1(.|\n)*plays_remaining 0"
    ):
        pipeline.run(days[0], days[1])


@pytest.mark.parametrize(
    ("text", "limit", "elsewhere"),
    [("", "0.01", False), ("", "0.01", True), ("broken", "0.5", False)],
)
def test_song_files_are_emptied_with_a_word_only(
    text: str,
    limit: str,
    elsewhere: bool,
    pipeline: Pipeline,
    allowing: Pipeline,
    source: TestSource,
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", limit)
    source.events(play("2018-11-15 10:00:00"))
    source.song_text("all", "\n".join(json.dumps(song(f"SO{number}")) for number in range(9)))
    source.songs(song("SOX", title="Other"))
    pipeline.run(*DAY)
    if elsewhere:
        shutil.copytree(source.root, tmp_path / "elsewhere")
        source = TestSource(tmp_path / "elsewhere")
        monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", source.url)
    source.song_text("all", text)
    for _ in range(2):
        with pytest.raises(
            AirflowFailException,
            match=r"songs_emptied: it is 0\.9, above (.|\n)*emptied_files 1, songs_loaded 9, "
            r"source_file song_data/A/B/C/TRall\.json(.|\n)*allow_removed",
        ) as no:
            pipeline.run(*DAY)
        assert "reject_share" not in str(no.value)
    assert warehouse.count("songs") == 10
    assert warehouse.count("songplays where song_id is not null") == 1
    allowing.run(*DAY)
    assert warehouse.count("songs") == 1
    assert warehouse.count("songplays where song_id is not null") == 0
    assert "stage_songs" in pipeline.run(*DAY)


def test_a_few_song_files_may_be_emptied(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.songs(*(song(f"SO{number}") for number in range(200)))
    pipeline.run(*DAY)
    source.song_text("SO0", "")
    source.song_text("SO1", "")
    pipeline.run(*DAY)
    assert warehouse.count("songs") == 198


def test_a_correction_may_take_plays_and_a_quiet_hour_stays_quiet(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"), play("2018-11-15 10:30:00", itemInSession=1))
    pipeline.run(*DAY)
    source.events(play("2018-11-15 10:00:00"))
    pipeline.run(*DAY)
    pipeline.run(*ELEVEN)
    assert warehouse.count("songplays") == 1


def test_too_many_rejects_of_one_kind_are_not_made_few_by_the_other(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(*(play("2018-11-15 10:00:00", itemInSession=item) for item in range(100)))
    pipeline.run(*DAY)
    source.lines("2018-11-15", *(f"broken {number}" for number in range(100)))
    source.song_text("all", "\n".join(json.dumps(song(f"SO{number}")) for number in range(15_000)))
    with pytest.raises(
        AirflowFailException, match=r"reject_share: it is 1, above the limit of 0\.01"
    ):
        pipeline.run(*DAY)
    assert warehouse.count("songplays") == 100


@pytest.mark.parametrize(
    ("lines", "is_stopped"),
    [
        (['{"artist": "cut'], False),
        (['{"artist": "cut', ""], True),
        (['{"artist": "cut', '{"artist": "cut'], True),
        (["broken"], True),
        ([json.dumps(play("2018-11-15 10:50:00", userId="x"))], True),
    ],
    ids=["being written", "ended", "one before it", "no object", "whole"],
)
def test_a_line_that_is_being_written_stops_no_run(
    lines: list[str],
    is_stopped: bool,
    pipeline: Pipeline,
    source: TestSource,
    warehouse: Warehouse,
) -> None:
    whole = [json.dumps(play("2018-11-15 10:00:00", itemInSession=item)) for item in range(9)]
    source.lines("2018-11-15", *whole, *lines)
    if is_stopped:
        with pytest.raises(AirflowFailException, match="reject_share"):
            pipeline.run(*TEN)
        return
    pipeline.run(*TEN)
    assert warehouse.count("songplays") == 9
    assert warehouse.column("select raw_text from rejected_rows") == lines
    source.lines("2018-11-15", *whole, json.dumps(play("2018-11-15 10:50:00")))
    pipeline.run(*TEN)
    assert warehouse.count("songplays") == 10
    assert warehouse.count("rejected_rows where resolved_by is null") == 0


def test_a_song_file_that_is_cut_off_is_a_reject(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.songs(song("SO1"))
    source.song_text("SO2", json.dumps(song("SO2"))[:-9])
    with pytest.raises(AirflowFailException, match="reject_share"):
        pipeline.run(*DAY)


def test_the_limit_s_message_says_which_settings_let_strays_in(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    line = json.dumps(play("2018-11-15 10:00:00"))
    source.lines("2018-11-14", line)
    with pytest.raises(AirflowFailException) as refused:
        pipeline.run("2018-11-14", "2018-11-15")
    assert "of_another_time_than_their_file 1" in str(refused.value)
    assert "set sparkify_partition_timezone" in str(refused.value)
    assert "or sparkify_partition_slack" in str(refused.value)
    assert warehouse.rows(
        "select source_file, line_number, column_name, reason, raw_text from rejected_rows"
    ) == [
        (
            "log_data/2018/11/2018-11-14-events.json",
            1,
            "ts",
            "ts is outside of what the file may hold, 2018-11-14 00:00 to 2018-11-15 00:00 UTC: "
            "2018-11-15 10:00:00.000 UTC",
            line,
        )
    ]


def test_a_file_rejected_whole_beside_many_good_ones_is_told_of(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(*(play("2018-11-15 10:00:00", itemInSession=item) for item in range(300)))
    source.lines("2018-11-16", "broken")
    pipeline.run("2018-11-15", "2018-11-17")
    told = "select passed from quality_results where check_name = 'files_mostly_rejected'"
    assert warehouse.column(told) == [False]


MISSING = "Missing: no file log_data/2018/11/2018-11-15-events.json. "


def test_a_missing_file_is_told_of_with_its_template_and_what_is_there(
    pipeline: Pipeline,
    source: TestSource,
    warehouse: Warehouse,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline.run(*DAY)
    said = capsys.readouterr().out
    assert f"{MISSING}The variable sparkify_partition, which is 'log_data/%Y/" in said
    assert "gives these names. The source holds no files." in said
    assert "Missing: no file song_data/**/*.json. The variable sparkify_songs" in said
    for day in ("02", "13", "14", "16", "17"):
        source.lines(f"2018-11-{day}", "")
    pipeline.run(*DAY)
    said = capsys.readouterr().out
    folder = "log_data/2018/11/2018-11"
    assert f"{folder}-13-events.json, {folder}-14-events.json, {folder}-16-events" in said
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION", "log_data/%Y-%m-%d/*.json")
    pipeline.run(*DAY)
    said = capsys.readouterr().out
    assert (
        "which is 'log_data/%Y-%m-%d/*.json', gives these names. The source holds files such as log"
        in said
    )


def test_a_neighbouring_file_that_is_not_there_is_not_missing(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION_SLACK", "1")
    source.events(play("2018-11-15 23:00:00"))
    pipeline.run("2018-11-15T23:00:00Z", "2018-11-16T01:00:00Z")
    assert warehouse.rows(
        "select source_file, etag is null from file_ledger where dataset = 'staging_events' "
        "order by 1"
    ) == [
        ("log_data/2018/11/2018-11-15-events.json", False),
        ("log_data/2018/11/2018-11-16-events.json", True),
    ]
    # Its own file is what an hour misses, whatever another one may hold of it.
    assert warehouse.column("select state from hour_states order by hour_start") == [
        "loaded",
        "missing",
    ]


def test_a_year_below_a_thousand_is_that_year(
    pipeline: Pipeline, source: TestSource, warehouse: Warehouse
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    pipeline.run(*DAY)
    pipeline.run("0018-11-15", "0018-11-16")
    assert warehouse.count("songplays") == 1
    assert warehouse.value("select min(window_start) from load_runs").year == 18
    source.lines("0018-11-15", json.dumps(play("0018-11-15 10:00:00")))
    pipeline.run("0018-11-15", "0018-11-16")
    assert warehouse.column("select start_time from songplays order by 1")[0].year == 18


def test_plays_that_a_file_has_lost_are_a_warning(
    source: TestSource, pipeline: Pipeline, allowing: Pipeline, warehouse: Warehouse
) -> None:
    hour = [play(f"2018-11-15 10:{minute:02}:00", itemInSession=minute) for minute in range(10)]
    told = "select value from quality_results where check_name = 'plays_kept' order by checked_at"
    for lines in (10, 9, 8):
        source.events(*hour[:lines])
        pipeline.run(*TEN)
    # A tenth of ten may go, and of nine one is more than that.
    assert warehouse.column(told) == [0, 0, 1]
    source.events(*hour[:4])
    allowing.run(*TEN)
    assert warehouse.column(told) == [0, 0, 1, 0]
    assert warehouse.count("songplays") == 4
