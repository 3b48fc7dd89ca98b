"""``airflow sparkify audit``: find damage, and print the commands that repair it."""

from argparse import Namespace
from datetime import UTC, datetime

from sparkify.cli.failures import command, explain_warehouse_errors
from sparkify.cli.request import check_order
from sparkify.cli.screen import Screen
from sparkify.cli.windows import Bound
from sparkify.runs.audit import Audit
from sparkify.warehouse import warehouse_hook
from sparkify.window import HOUR, Window, full_hour

INTACT, DAMAGED = 0, 1

FIRST, LAST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
"""The defaults of the ends of the range."""


@command
def audit(args: Namespace, screen: Screen) -> int:
    """Audit all hours, or a range of them, and describe the damage."""
    check_order(args.start_date, args.end_date)
    with explain_warehouse_errors():
        audit = Audit(warehouse_hook(), _range(args.start_date, args.end_date))
        with screen.working("Auditing") as show:
            damage = audit.run(show)
        screen.print(damage.describe(audit.newest()))
    return DAMAGED if damage.was_found or damage.left_out else INTACT


def _range(start: Bound | None, end: Bound | None) -> Window | None:
    if not (start or end):
        return None
    return Window(
        full_hour(start.moment) if start else FIRST,
        full_hour(end.moment) + HOUR if end else LAST,
    )
