"""Sources that change their keys, where COPY reads the files."""

import gzip
from datetime import timedelta

import pytest

from local.tools.pipeline import Pipeline
from sparkify.records import file_keys
from sparkify.records.file_keys import SAMPLED
from sparkify.sources.bucket import SMALL
from tests.support.sources import Bucket
from tests.support.warehouse import Warehouse
from tests.warehouse.test_drift import CHANGES, FIRST, FOUND, WARNED, Change, events, lost, renamed


class Days:
    """A bucket whose days are loaded one after the other."""

    def __init__(self, bucket: Bucket, pipeline: Pipeline) -> None:
        self.bucket = bucket
        self.pipeline = pipeline

    def add(self, day: int, *lines: str, is_compressed: bool = False) -> None:
        start = FIRST + timedelta(days=day)
        text = "\n".join(lines).encode()
        name = f"log_data/{start:%Y/%m/%Y-%m-%d}-events.json"
        if is_compressed:
            self.bucket.put(f"{name}.gz", gzip.compress(text))
        else:
            self.bucket.put(name, text)
        self.pipeline.run(f"{start}", f"{start + timedelta(days=1)}")


@pytest.fixture
def days(bucket: Bucket, redshift_pipeline: Pipeline) -> Days:
    return Days(bucket, redshift_pipeline)


@pytest.mark.parametrize("change", FOUND, ids=lambda change: change.__name__)
def test_a_change_is_reported_once(
    change: Change, days: Days, redshift_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")
    for day, its in enumerate([dict, change, change]):
        days.add(day, *events(FIRST + timedelta(days=day), its))
    assert redshift_warehouse.rows(CHANGES) == FOUND[change]
    assert redshift_warehouse.column(WARNED) == [0, len(FOUND[change]), 0]


def test_the_end_of_a_large_file_is_read_too(days: Days, redshift_warehouse: Warehouse) -> None:
    days.add(0, *events(FIRST))
    day = FIRST + timedelta(days=1)
    after = events(day + timedelta(hours=2), renamed, count=SAMPLED // 300)
    before = events(day, count=SMALL // 300)
    assert sum(map(len, before)) > SMALL
    days.add(1, *before, *after)
    assert redshift_warehouse.rows(CHANGES) == FOUND[renamed]


def test_compressed_files_are_sampled_at_their_beginning(
    days: Days, redshift_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION", "log_data/%Y/%m/%Y-%m-%d-events.json.gz")
    days.add(0, *events(FIRST, count=300), is_compressed=True)
    days.add(1, *events(FIRST + timedelta(days=1), lost), is_compressed=True)
    assert redshift_warehouse.rows(CHANGES) == FOUND[lost]


def test_of_many_files_some_are_sampled(
    days: Days,
    bucket: Bucket,
    redshift_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(file_keys, "MOST_FILES", 3)
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")
    for number in range(7):
        bucket.put(f"song_data/{number}.json", f'{{"song_id": "SO{number}", "k{number}": 1}}')
    days.add(0, *events(FIRST))
    keys = "select key_name from file_keys where column_name is null order by 1"
    assert redshift_warehouse.column(keys) == ["k0", "k3", "k6"]
