"""``airflow sparkify forget``: delete the records of hours that were requested by mistake."""

from argparse import Namespace

from sparkify.cli.failures import command, explain_warehouse_errors
from sparkify.cli.request import Refused, check_order
from sparkify.cli.screen import Screen
from sparkify.runs.audit import forget_catalogue
from sparkify.runs.hours import describe, forget_hours, recorded
from sparkify.warehouse import warehouse_hook
from sparkify.window import full_hour

DONE, SOME_KEPT = 0, 1


@command
def forget(args: Namespace, screen: Screen) -> int:
    """Forget the hours of a range, and print those that are kept."""
    if args.catalogue:
        with explain_warehouse_errors():
            forget_catalogue(warehouse_hook())
        screen.print("The next run reads every song file again.")
    start, end = args.start_date or args.end_date, args.end_date or args.start_date
    if start is None and args.catalogue:
        return DONE
    if start is None:
        raise Refused("No range: give the first hour to -s and the last one, inclusive, to -e.")
    check_order(start, end)
    first, last = full_hour(start.moment), full_hour(end.moment)
    with explain_warehouse_errors():
        hook = warehouse_hook()
        forgotten = forget_hours(hook, first, last)
        kept = [hour for hour in recorded(hook) if first <= hour.start <= last]
    screen.print(f"Forgot {forgotten} {'hour' if forgotten == 1 else 'hours'}.")
    if kept:
        screen.print("Hours that hold plays or events, or are under way, are kept:")
        screen.print(describe(kept))
    return SOME_KEPT if kept else DONE
