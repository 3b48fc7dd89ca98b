"""``airflow sparkify audit`` and ``forget``: what they tell and return."""

import pytest
from airflow.cli.cli_parser import get_parser

from local.tools.pipeline import Pipeline
from tests.support.sources import TestSource, play
from tests.support.warehouse import Warehouse


def call(line: str) -> object:
    """The exit status of a call."""
    args = get_parser().parse_args(line.split())
    with pytest.raises(SystemExit) as ended:
        args.func(args)
    return ended.value.code


@pytest.mark.usefixtures("airflow")
def test_damage_is_told_and_hours_that_never_were_are_taken_back(
    pipeline: Pipeline,
    source: TestSource,
    warehouse: Warehouse,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source.events(play("2018-11-15 10:00:00"))
    pipeline.run("2018-11-15T10:00:00Z", "2018-11-15T12:00:00Z")
    assert call("sparkify audit") == 0
    assert capsys.readouterr().out.endswith("No damage was found.\n")
    warehouse.client.execute("delete from time")
    assert call("sparkify audit -s 2018-11-15T11:00") == 0
    assert call("sparkify audit -e 2018-11-15T11:00") == 1
    assert "time           2018-11-15 10:00 to 2018-11-15 11:00: 0 rows, not 1" in (
        capsys.readouterr().out
    )
    assert call("sparkify hours") == 1
    assert call("sparkify forget") == 1
    assert call("sparkify forget --catalogue") == 0
    assert call("sparkify forget -s 2018-11-15T10:00 -e 2018-11-15T11:00") == 1
    said = capsys.readouterr().out
    assert "Forgot 1 hour.\nHours that hold plays or events, or are under way, are kept:" in said
    assert warehouse.count("hour_loads") == 1
