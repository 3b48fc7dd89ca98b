"""The public month with one line in a hundred damaged: every line of it is accounted for."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.tools.pipeline import Pipeline
from tests.support.sources import Bucket, TestSource
from tests.support.warehouse import Warehouse

NOVEMBER = ("2018-11-01", "2018-12-01")
DAMAGES: dict[str, Callable[[str], str]] = {
    "cut off": lambda line: line[: len(line) // 2],
    "no JSON": lambda line: "Traceback (most recent call last):",
    "no time": lambda line: json.dumps(json.loads(line) | {"ts": "yesterday"}),
    "too long": lambda line: json.dumps(json.loads(line) | {"location": "x" * 513}),
    "no number": lambda line: json.dumps(json.loads(line) | {"sessionId": "7th"}),
    "nobody's play": lambda line: json.dumps(json.loads(line) | {"page": "NextSong", "userId": ""}),
}
Places = set[tuple[str, int]]


@pytest.fixture
def damaged(real_source: Path, source: TestSource) -> Places:
    """Fills the source with the damaged month; the places of the damage."""
    chance = random.Random(1)  # noqa: S311 - the same damage every time
    places: Places = set()
    for file in sorted(real_source.glob("log_data/*/*/*.json")):
        lines = file.read_text().split("\n")
        for number in range(len(lines)):
            if chance.random() < 0.01:
                lines[number] = DAMAGES[chance.choice(list(DAMAGES))](lines[number])
                places.add((str(file.relative_to(real_source)), number + 1))
        source.lines(file.name[:10], *lines)
    for file in real_source.glob("song_data/**/*.json"):
        source.song_text(file.stem, file.read_text())
    return places


def check_account(warehouse: Warehouse, source: TestSource, places: Places) -> None:
    """Everything is where the damaged files say it must be, to the line."""
    plays = bad_plays = lines = 0
    for file in source.root.glob("log_data/*/*/*.json"):
        for number, line in enumerate(file.read_text().split("\n"), start=1):
            is_damaged = (str(file.relative_to(source.root)), number) in places
            lines += 1
            plays += not is_damaged and json.loads(line)["page"] == "NextSong"
            bad_plays += is_damaged
    songs = len(list(source.root.glob("song_data/**/*.json")))
    assert lines == 8056
    assert 60 < bad_plays == len(places) < 110
    figures: Any = warehouse.rows(
        "select lines, folded, staged, rejected, plays_staged, plays_duplicate, plays_published "
        "from load_runs"
    )
    whole = 8056 - len(places)
    assert figures == [(8056 + songs, 0, whole + songs, len(places), plays, 0, plays)]
    assert warehouse.count("songplays") == plays
    found = warehouse.rows("select source_file, line_number from rejected_rows")
    assert len(found) == len(places)
    assert set(found) == places


def test_on_postgres(
    damaged: Places,
    source: TestSource,
    pipeline: Pipeline,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "0.02")
    pipeline.run(*NOVEMBER)
    check_account(warehouse, source, damaged)


def test_on_redshift(
    damaged: Places,
    source: TestSource,
    bucket: Bucket,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "0.02")
    bucket.fill(source)
    redshift_pipeline.run(*NOVEMBER)
    check_account(redshift_warehouse, source, damaged)
