"""``airflow sparkify hours``: what it asks, tells and returns."""

from datetime import UTC, datetime, timedelta

import pytest
from airflow.cli import cli_parser

from local.pipeline import Pipeline
from sparkify.commands.arguments import HOURS, bound
from sparkify.commands.hours import _in_range, hours
from sparkify.hours import Hour
from tests.sources import TestSource, play
from tests.warehouse import Warehouse

TEN = datetime(2018, 11, 15, 10, tzinfo=UTC)


def test_only_a_range_that_is_given_shows_hours_that_no_run_was_asked_for() -> None:
    found = [Hour(TEN, "loaded"), Hour(TEN + timedelta(hours=2), "quiet")]
    nine, eleven = bound("2018-11-15T09:30"), bound("2018-11-15T11:00")
    assert _in_range(found, None, None) == found
    assert _in_range(found, eleven, None) == found[1:]
    assert _in_range(found, None, eleven) == found[:1]
    assert [hour.state for hour in _in_range(found, nine, eleven)] == ["absent", "loaded", "absent"]


@pytest.mark.usefixtures("airflow", "warehouse")
def test_it_tells_how_it_stands_and_exits_with_it(
    pipeline: Pipeline,
    source: TestSource,
    warehouse: Warehouse,
    capsys: pytest.CaptureFixture[str],
) -> None:
    parser = cli_parser.DefaultHelpParser()
    cli_parser._add_command(parser.add_subparsers(), HOURS)
    asked = parser.parse_args(["hours"])
    asked.subcommand = "hours"
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
