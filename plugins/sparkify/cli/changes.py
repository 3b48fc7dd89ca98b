"""``airflow sparkify changes``: why a number is not what it was."""

from argparse import Namespace
from datetime import UTC, datetime

from sparkify.cli.failures import command, explain_warehouse_errors
from sparkify.cli.request import check_order
from sparkify.cli.screen import Screen
from sparkify.runs import changes as recorded
from sparkify.warehouse import warehouse_hook
from sparkify.window import HOUR, Window, full_hour

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


@command
def changes(args: Namespace, screen: Screen) -> int:
    """Describe what runs have changed in days that were loaded before."""
    check_order(args.start_date, args.end_date)
    start = full_hour(args.start_date.moment) if args.start_date else FIRST
    end = full_hour(args.end_date.moment) + HOUR if args.end_date else LAST
    with explain_warehouse_errors():
        found = recorded.changes(warehouse_hook(), Window(start, end).touched_days)
    screen.print("\n".join(recorded.describe(found)))
    return 0
