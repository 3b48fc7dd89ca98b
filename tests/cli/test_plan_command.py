"""``airflow sparkify plan``: what it announces is what the runs then do."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from airflow.cli.cli_parser import get_parser

from local.tools.pipeline import Pipeline
from sparkify.runs.hours import Hour, Version
from sparkify.runs.plan import Pace, Plan
from sparkify.settings import setting
from sparkify.sources.base import SourceFile
from sparkify.sources.partitions import Partition
from tests.support.sources import TestSource, play
from tests.support.warehouse import Warehouse

DAY = datetime(2018, 11, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)


def planned(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """The exit status of a call, and what it printed."""
    args = get_parser().parse_args(["sparkify", "plan", *line.split()])
    with pytest.raises(SystemExit) as ended:
        args.func(args)
    printed = capsys.readouterr()
    return ended.value.code, printed.out + printed.err


@pytest.mark.usefixtures("airflow")
def test_what_is_planned_is_what_is_read_and_replaced(
    pipeline: Pipeline,
    source: TestSource,
    warehouse: Warehouse,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source.events(play("2018-11-15 10:00:00"), play("2018-11-15 11:30:00", itemInSession=1))
    status, said = planned("-s 2018-11-15 -e 2018-11-16T23:00", capsys)
    assert status == 0
    assert "48 hours, 2018-11-15 00:00 to 2018-11-17 00:00 UTC: 48 absent" in said
    assert "of which 1 new and 0 changed" in said
    assert "missing  log_data/2018/11/2018-11-16-events.json" in said
    assert "cannot be estimated before a run has ended" in said
    bytes_planned = re.search(r"In one run: ([\d,]+) bytes", said)
    assert bytes_planned
    pipeline.run("2018-11-15", "2018-11-17")
    [(size, objects, missing)] = warehouse.rows("select bytes, objects, missing from load_runs")
    assert (f"{size:,}", objects, missing) == (bytes_planned[1], 1, 1)

    source.events(play("2018-11-15 10:00:00"), play("2018-11-15 10:30:00", itemInSession=1))
    status, said = planned("-s 2018-11-15T10:00 -e 2018-11-15T11:00", capsys)
    assert status == 0
    assert "2 hours, 2018-11-15 10:00 to 2018-11-15 12:00 UTC: 2 loaded" in said
    assert "The warehouse holds 2 plays of these hours, to be replaced." in said
    assert "of which 0 new and 1 changed" in said
    assert re.search(r"changed  log_data/\S+: [\d,]+ bytes, and [\d,]+ when it was loaded", said)
    assert "The times are estimates from the last 1 run." in said
    assert '-c \'{"start": "2018-11-15T10:00:00Z", "end": "2018-11-15T12:00:00Z"}\'' in said
    assert "backfill --reset-dagruns -s 2018-11-15T10:00 -e 2018-11-15T11:00 sparkify" in said

    next(source.root.glob("log_data/*/*/2018-11-15*")).unlink()
    said = planned("-s 2018-11-15T10:00", capsys)[1]
    assert "gone     log_data/2018/11/2018-11-15-events.json" in said
    assert "missing" not in said


@pytest.mark.usefixtures("airflow", "warehouse", "source")
def test_a_range_that_says_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert planned("", capsys) == (
        1,
        "No range: give the first hour to -s and the last one, inclusive, to -e.\n",
    )
    assert "The range is in the future" in planned("-s 2081-01-01", capsys)[1]


@pytest.mark.usefixtures("airflow", "warehouse", "source")
@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("SOURCE", "file:///no/such/folder", "The source folder /no/such/folder does not exist"),
        ("PARTITION_TIMEZONE", "Mars/Olympus", "sparkify_partition_timezone is 'Mars/Olympus'"),
    ],
)
def test_a_setting_that_is_wrong_is_a_sentence(
    variable: str,
    value: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    setting.cache_clear()
    monkeypatch.setenv(f"AIRFLOW_VAR_SPARKIFY_{variable}", value)
    status, said = planned("-s 2018-11-15", capsys)
    assert status == 1
    assert sentence in said
    assert "Airflow retries" not in said
    assert "Traceback" not in said


def plan(hours: int, *sizes: int, lookback: timedelta = timedelta()) -> Plan:
    """A plan of the first hours of a day, and of files of days from the one before."""
    days = [DAY + timedelta(days=number - 1) for number in range(len(sizes))]
    files = [
        SourceFile(f"{day:%Y-%m-%d}.json", f"file:///{day:%Y-%m-%d}.json", size, "2")
        for day, size in zip(days, sizes, strict=True)
    ]
    published = {files[-1].name: Version("1", 1)} if files else {}
    states = [Hour(DAY + number * HOUR, "absent") for number in range(hours)]
    return Plan.of(states, files, published, [], Partition("%Y-%m-%d.json"), lookback)


@pytest.mark.parametrize(
    ("hours", "lookback", "size"),
    [
        (1, 0, 1000),
        (24, 0, 24_000),
        (24, 60, 24_001),
        (24, 61, 24_002),
        (25, 60, 25_001),
    ],
)
def test_each_hourly_run_reads_the_files_of_its_hour_and_its_lookback(
    hours: int, lookback: int, size: int
) -> None:
    found = plan(hours, 1, 1000, lookback=timedelta(minutes=lookback))
    # A range run has no lookback, so the day before is not among its files.
    assert [file.size for file in found.files] == [1000]
    assert found.hourly_size() == size


def test_files_that_were_never_loaded_are_new_and_others_may_have_changed() -> None:
    found = plan(25, 1, 1000, 10)
    assert [file.size for file in found.new()] == [1000]
    assert [file.size for file in found.changed()] == [10]
    assert found.missing == []
    assert plan(25).missing == ["2018-11-15.json", "2018-11-16.json"]


@pytest.mark.parametrize(
    ("runs", "seconds"),
    [
        ([(0, 4.0)], 4.0),
        ([(1000, 4.0), (1000, 6.0), (1000, 100.0)], 6.0),
        ([(0, 4.0), (1000, 5.0)], 6.0),
        # A larger run that took no longer says nothing of the rate.
        ([(0, 4.0), (1000, 3.0)], 3.5),
    ],
)
def test_a_run_is_estimated_from_the_smaller_and_the_larger_past_runs(
    runs: list[tuple[int, float]], seconds: float
) -> None:
    assert Pace.of(runs).of_runs(1, 2000) == pytest.approx(seconds)


def test_runs_at_the_same_time_share_the_time_they_take() -> None:
    pace = Pace.of([(0, 4.0), (1000, 5.0)])
    assert pace.of_runs(8, 4000, at_once=4) == pytest.approx((8 * 4 + 4) / 4)
    assert pace.of_runs(1, 0, at_once=4) == pytest.approx(4)
