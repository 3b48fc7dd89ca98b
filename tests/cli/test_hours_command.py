"""``airflow sparkify hours``: what it asks, tells and returns."""

from argparse import Namespace
from datetime import UTC, datetime, timedelta

import pytest
from airflow.cli import cli_parser
from airflow.cli.cli_config import DefaultHelpParser

from local.tools.pipeline import Pipeline
from sparkify.cli.arguments import HOURS, bound
from sparkify.cli.hours import hours, in_range
from sparkify.cli.request import Refused, check_order
from sparkify.runs.hours import Hour
from tests.support.sources import TestSource, play
from tests.support.warehouse import Warehouse

TEN = datetime(2018, 11, 15, 10, tzinfo=UTC)


NOW = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)


def test_only_a_range_that_is_given_shows_hours_that_no_run_was_asked_for() -> None:
    found = [Hour(TEN, "loaded"), Hour(TEN + timedelta(hours=2), "quiet")]
    nine, eleven = bound("2018-11-15T09:30"), bound("2018-11-15T11:00")
    assert in_range(found, None, None, NOW) == found
    assert in_range(found, eleven, None, NOW) == found[1:]
    assert in_range(found, None, eleven, NOW) == found[:1]
    states = [hour.state for hour in in_range(found, nine, eleven, NOW)]
    assert states == ["absent", "loaded", "absent"]


def test_a_range_is_of_hours_that_have_ended_and_of_others_that_runs_were_asked_for() -> None:
    morning, year_2081 = bound("2026-01-01T10:00"), bound("2081-01-01")
    asked = [Hour(NOW.replace(minute=0), "under way"), Hour(year_2081.moment, "to come")]
    states = [hour.state for hour in in_range(asked, morning, year_2081, NOW)]
    assert states == ["absent", "absent", "under way", "to come"]
    assert in_range(asked, year_2081, year_2081, NOW) == asked[1:]
    with pytest.raises(Refused, match="The range is in the future"):
        in_range([], year_2081, year_2081, NOW)
    with pytest.raises(Refused, match="The range is empty"):
        check_order(year_2081, morning)


def arguments() -> Namespace:
    """What Airflow makes of the command without options."""
    parser = DefaultHelpParser()
    cli_parser._add_command(parser.add_subparsers(), HOURS)
    args = parser.parse_args(["hours"])
    args.subcommand = "hours"
    return args


@pytest.mark.usefixtures("airflow", "warehouse")
def test_it_tells_how_it_stands_and_exits_with_it(
    pipeline: Pipeline,
    source: TestSource,
    warehouse: Warehouse,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = arguments()
    source.events(play("2018-11-15 10:00:00"))
    pipeline.run("2018-11-15", "2018-11-16")
    with pytest.raises(SystemExit) as ended:
        hours(asked)
    assert ended.value.code == 0
    assert "24 hours, 2018-11-15 00:00 to 2018-11-16 00:00 UTC: 23 quiet" in capsys.readouterr().out
    source.events(play("2018-11-15 10:00:00"), play("2018-11-15 11:00:00", itemInSession=1))
    with pytest.raises(SystemExit) as ended:
        hours(asked)
    assert ended.value.code == 1
    assert "-s 2018-11-15T00:00 -e 2018-11-15T23:00 sparkify" in capsys.readouterr().out


@pytest.mark.usefixtures("airflow", "warehouse")
def test_hours_that_cannot_be_compared_with_their_files_are_not_called_well(
    pipeline: Pipeline, source: TestSource, capsys: pytest.CaptureFixture[str]
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    pipeline.run("2018-11-15", "2018-11-16")
    source.root.rename(source.root.with_name("elsewhere"))
    with pytest.raises(SystemExit) as ended:
        hours(arguments())
    assert ended.value.code == 1
    printed = capsys.readouterr()
    assert "Cannot list the source, so changed files do not show." in printed.err
    assert "23 quiet" in printed.out
