"""Names and texts that are SQL, templates, formats or markup elsewhere, and mere text here."""

import json
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

from local.tools.pipeline import Pipeline
from tests.support.sources import Bucket, TestSource, play, song
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("reused_sessions")

DAY = ("2018-11-15", "2018-11-16")
EVENTS = "log_data/2018/11/2018-11-15-events.json"

# No slash, as the name of a file has none; none of it may be taken for what it looks like.
HOSTILE = (
    'it\'s "100%" {{ 1/0 }}{% raw %} %s %(x)s ${HOME} $1; drop table songs; -- <b> é 🎵'.replace(
        "/", "÷"
    )
)
NAMES = {
    "quotes and templates": HOSTILE,
    "line ends": "one\ntwo\r\nthree\t",
    "a backslash": "back\\slash\\",
    "COPY's end": "\\.",
}


@pytest.fixture(autouse=True)
def any_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")


def fill(source: TestSource, name: str) -> None:
    """A play of a song whose names are the name, and a file of that name with a reject."""
    named = {"artist_name": name, "title": name}
    source.events(play("2018-11-15 10:00:00", artist=name, song=name, location=name))
    source.songs(song("SO1", artist_location=name, **named))
    path = source.root / "song_data" / name / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(song("SO2", **named)) + "\nbroken " + name.replace("\n", " "))


def check(warehouse: Warehouse, name: str) -> None:
    file = f"song_data/{name}/{name}.json"
    assert warehouse.rows("select song_title, artist_name, song_id from songplays") == [
        (name, name, "SO1")
    ]
    assert warehouse.column("select distinct title from songs") == [name]
    assert warehouse.column("select location from artists") == [name]
    assert file in warehouse.column("select source_file from file_ledger")
    kept = warehouse.rows("select source_file, line_number, raw_text from rejected_rows")
    assert [(its, text.split(" ")[0]) for its, _, text in kept] == [(file, "broken")]
    assert not warehouse.column("select check_name from quality_results where not passed")


@pytest.mark.parametrize("what", NAMES)
def test_a_name_is_a_name_on_postgresql(
    what: str,
    tmp_path: Path,
    pipeline: Pipeline,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = TestSource(tmp_path / NAMES[what])
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", f"file://{source.root}")
    # What urllib takes out of a URL can be in no source's.
    if "\n" in NAMES[what]:
        source = TestSource(tmp_path / "source")
        monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", source.url)
    fill(source, NAMES[what])
    pipeline.run(*DAY)
    check(warehouse, NAMES[what])


@pytest.mark.parametrize("what", [what for what in NAMES if what != "line ends"])
def test_a_name_is_a_name_on_redshift(
    what: str,
    tmp_path: Path,
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_MANIFEST_PREFIX", f"s3://{bucket.name}/manifests")
    source = TestSource(tmp_path / "source")
    fill(source, NAMES[what])
    bucket.fill(source)
    redshift_pipeline.run(*DAY)
    check(redshift_warehouse, NAMES[what])


def test_a_name_that_copy_cannot_be_told_is_refused(
    bucket: Bucket, redshift_pipeline: Pipeline, redshift_warehouse: Warehouse
) -> None:
    bucket.put("song_data/it's.json", json.dumps(song("SO1")))
    bucket.put("song_data/it's not.txt", "")
    with pytest.raises(AirflowFailException, match="contains a quote or a backslash"):
        redshift_pipeline.run(*DAY)


def test_a_pattern_may_hold_blanks_quotes_and_templates(
    source: TestSource,
    pipeline: Pipeline,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SONGS", "it's {{ 1 }} $x/*.json")
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION", "it's {{ 1 }}/%Y-%m-%d {% x.json")
    folder = source.root / "it's {{ 1 }} $x"
    folder.mkdir()
    (folder / "one.json").write_text(json.dumps(song("SO1")))
    (source.root / "it's {{ 1 }}").mkdir()
    events = source.root / "it's {{ 1 }}/2018-11-15 {% x.json"
    with pytest.raises(AirflowFailException, match="'% ' in it is not a code"):
        pipeline.run(*DAY)
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION", "it's {{ 1 }}/%Y-%m-%d {{ x.json")
    events = events.with_name("2018-11-15 {{ x.json")
    events.write_text(json.dumps(play("2018-11-15 10:00:00")))
    pipeline.run(*DAY)
    assert warehouse.column("select song_id from songplays") == ["SO1"]
