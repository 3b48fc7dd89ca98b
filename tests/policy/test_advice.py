"""What the DAG's docs, the check and the command say of late events: the same."""

import re
from argparse import ArgumentParser

from airflow.cli.cli_parser import get_parser
from airflow.sdk import DAG

from sparkify.checks import Check
from tests.support.environment import ROOT

COMMAND = r"airflow (dags backfill --reset-dagruns -s HOUR -e HOUR sparkify)"


def test_hours_that_came_late_are_loaded_again_by_one_and_the_same_command(
    dags: dict[str, DAG],
) -> None:
    name = "hours_as_loaded"
    check = Check(name, (ROOT / f"sql/quality/{name}.sql").read_text())
    words: list[str] = []
    for text in (check.advice, dags["sparkify"].doc_md or ""):
        found = re.search(COMMAND, text)
        assert found, "Say how such an hour is loaded again, in the same words everywhere."
        words = found[1].replace("HOUR", "2018-11-15T10:00").split()
    parser: ArgumentParser = get_parser()
    args = parser.parse_args(words)
    assert args.start_date.moment == args.end_date.moment
    assert args.reset_dagruns
