"""Alerts, task logs and OpenLineage leave the machine, and say nothing of what a record holds."""

import json
from typing import Any

import pytest

from local.tools.lineage import HOUR, Recorder
from tests.support.sources import Bucket, TestSource, play, song
from tests.support.warehouse import Warehouse

pytestmark = pytest.mark.usefixtures("airflow")

NAME = "Zebedee"
DAY = f"{HOUR:%Y-%m-%d}"
EVENTS = f"log_data/{HOUR:%Y/%m}/{DAY}-events.json"

HOSTILE = play(f"{HOUR:%Y-%m-%d %H}:10:00") | {
    field: f"{NAME} {field}"
    for field in ("artist", "auth", "firstName", "lastName", "location", "method", "song")
}
HOSTILE |= {"gender": NAME, "level": NAME, "userAgent": f'"{NAME}"'}
SONG = song("SO1", title=NAME, artist_name=f"{NAME}'s", artist_location=NAME, artist_id=NAME)

BAD_EVENTS = [
    *(json.dumps(HOSTILE | {field: value}) for field, value in [
        ("userId", NAME),
        ("sessionId", f"it's \"{NAME}\""),
        ("itemInSession", [NAME]),
        ("length", {NAME: NAME}),
        ("status", f"{NAME}\\"),
        ("ts", NAME),
        ("ts", HOSTILE["ts"] + 10**8),
        ("firstName", f"{NAME}\0"),
        ("lastName", NAME * 100),
        ("registration", NAME),
    ]),
    json.dumps(HOSTILE | {"userId": ""}),
    json.dumps(HOSTILE)[:-20],
    f"{NAME} is not JSON",
]  # fmt: skip
BAD_SONGS = [json.dumps(SONG | {"duration": NAME}), json.dumps(SONG | {"song_id": NAME * 20}), NAME]


@pytest.fixture
def files() -> dict[str, str]:
    """The files of a source in which every field and every broken line holds the name."""
    songs = {f"song_data/TR{number}.json": text for number, text in enumerate(BAD_SONGS)}
    events = [json.dumps(HOSTILE), json.dumps(HOSTILE | {"userId": "2"}), *BAD_EVENTS]
    return {EVENTS: "\n".join(events), "song_data/TRX.json": json.dumps(SONG), **songs}


def told(
    recorder: Recorder, slack: list[Any], capfd: pytest.CaptureFixture[str]
) -> tuple[list[Any], str]:
    """Load the hour, which fails; return the events, and everything that was sent or logged."""
    state, events = recorder.run()
    assert state == "failed"
    captured = capfd.readouterr()
    return events, "\n".join([json.dumps([events, slack]), captured.out, captured.err])


def failed_tasks(events: list[Any]) -> set[str]:
    return {
        event["job"]["name"].removeprefix("sparkify.")
        for event in events
        if event["eventType"] == "FAIL" and "." in event["job"]["name"]
    }


@pytest.mark.parametrize(
    ("reject_limit", "change", "task"),
    [
        ("0", "select 1", "audit_staged"),
        (
            "1",
            "alter table repaired_names drop constraint repaired_names_pkey; "
            f"insert into repaired_names values ('{NAME} song', 'x'), ('{NAME} song', 'y')",
            "check_quality",
        ),
        (
            "1",
            "alter table users add constraint odd check (first_name = 'Odd')",
            "load_users",
        ),
    ],
)
def test_on_postgresql(
    reject_limit: str,
    change: str,
    task: str,
    files: dict[str, str],
    source: TestSource,
    warehouse: Warehouse,
    slack: list[Any],
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name, text in files.items():
        path = source.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", reject_limit)
    warehouse.client.execute(change.encode())
    events, texts = told(recorder, slack, capfd)
    assert failed_tasks(events) == {task}
    assert f"{task} failed" in json.dumps(slack)
    assert NAME not in texts
    assert NAME in str(warehouse.rows("select reason, raw_text from rejected_rows"))


def test_on_redshift(
    files: dict[str, str],
    bucket: Bucket,
    redshift_warehouse: Warehouse,
    slack: list[Any],
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name, text in files.items():
        bucket.put(name, text)
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "0")
    events, texts = told(recorder, slack, capfd)
    assert failed_tasks(events) == {"audit_staged"}
    assert "Rejected: " in texts
    assert NAME not in texts
    assert NAME in str(redshift_warehouse.rows("select reason, raw_text from rejected_rows"))
