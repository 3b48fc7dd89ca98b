"""``airflow sparkify audit``: what is damaged, and the commands that mend it."""

from argparse import Namespace
from datetime import UTC, datetime

from sparkify.cli.failures import asking_the_warehouse, command
from sparkify.cli.hours import check_order
from sparkify.cli.screen import Screen
from sparkify.cli.windows import Bound
from sparkify.runs.audit import Audit
from sparkify.warehouse import warehouse_hook
from sparkify.window import HOUR, Window, full_hour

WHOLE, DAMAGED = 0, 1

FIRST, LAST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
"""What stands for an end of the range that is not given."""


@command
def audit(args: Namespace, screen: Screen) -> int:
    """Audit all hours or a range of them, and describe what was found."""
    check_order(args.start_date, args.end_date)
    with asking_the_warehouse():
        audit = Audit(warehouse_hook(), _range(args.start_date, args.end_date))
        with screen.working("Auditing") as show:
            damage = audit.run(show)
        screen.say(damage.describe(audit.newest()))
    return DAMAGED if damage.was_found or damage.left_out else WHOLE


def _range(start: Bound | None, end: Bound | None) -> Window | None:
    if not (start or end):
        return None
    return Window(
        full_hour(start.moment) if start else FIRST,
        full_hour(end.moment) + HOUR if end else LAST,
    )
