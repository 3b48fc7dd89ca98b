"""The bench itself: what it measures is measured by hand, and how it reckons is tested here."""

import importlib
import json
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError

from local.bench import loader
from local.bench.__main__ import PARTS
from local.bench.bench import WHOLE_RANGE
from local.bench.measure import Case, Run, comparison
from local.bench.slow_s3 import BUCKET, PAGE
from local.bench.small_files import slow_s3
from tests.support.sources import TestSource, play, song
from tests.support.warehouse import Warehouse

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("part", PARTS)
def test_every_part_can_be_run(part: str) -> None:
    assert callable(importlib.import_module(f"local.bench.{part}").run)


def test_the_loads_that_are_timed_load(
    source: TestSource, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(ROOT / "dags"))
    source.events(play("2018-11-15 10:00:00"))
    source.songs(song("SO1"))
    made = loader.create_tables()()
    loaded = loader.load("bench", **WHOLE_RANGE)()
    # A child process passes what it returns on as JSON.
    steps = json.loads(json.dumps([made, loaded]))[1]["steps"]
    assert warehouse.count("songplays") == 1
    assert steps.keys() >= {"stage_events", "load_songplays", "check_quality"}


def test_a_ratio_is_to_the_first_way_of_the_same_turn() -> None:
    floor, ours = Case("floor", ""), Case("ours", "", work=0.5)
    # The machine was half as fast in the second turn.
    runs = {
        floor: [Run(seconds, 10, 5, None) for seconds in (1.0, 2.0, 1.0)],
        ours: [Run(seconds, 90, 50, {"steps": {"read": 1.0}}) for seconds in (1.0, 2.0, 2.0)],
    }
    first, second = comparison("A job", runs).figures
    assert (first.ratio.least, first.ratio.most) == (1, 1)
    assert (second.ratio.median, second.ratio.most) == (2, 4)
    assert second.seconds.median == 4
    assert second.steps == {"read": 1.0}


def test_the_late_bucket_is_listed_and_read_like_any_other(tmp_path: Path) -> None:
    names = [f"song_data/{number:04}.json" for number in range(PAGE + 1)]
    (tmp_path / "song_data").mkdir()
    for name in [*names, "other.json"]:
        (tmp_path / name).write_text(name)
    with slow_s3(tmp_path) as url:
        client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=Config(retries={"max_attempts": 1}),
        )
        pages = list(
            client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="song_data/")
        )
        assert [len(page["Contents"]) for page in pages] == [PAGE, 1]
        assert [entry["Key"] for page in pages for entry in page["Contents"]] == names
        assert client.get_object(Bucket=BUCKET, Key=names[7])["Body"].read().decode() == names[7]
        with pytest.raises(client.exceptions.NoSuchKey):
            client.get_object(Bucket=BUCKET, Key="song_data/none.json")
    with pytest.raises(EndpointConnectionError):
        client.list_objects_v2(Bucket=BUCKET)
