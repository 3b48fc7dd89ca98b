"""``airflow sparkify forget``: hours that were asked for by mistake are taken back."""

from argparse import Namespace

from sparkify.cli.failures import asking_the_warehouse, command
from sparkify.cli.hours import check_order
from sparkify.cli.request import Refused
from sparkify.cli.screen import Screen
from sparkify.runs.audit import forget_catalogue
from sparkify.runs.hours import describe, forget_hours, recorded
from sparkify.warehouse import warehouse_hook
from sparkify.window import full_hour

DONE, SOME_STAY = 0, 1


@command
def forget(args: Namespace, screen: Screen) -> int:
    """Take back the hours of a range, and say which of them stay."""
    if args.catalogue:
        with asking_the_warehouse():
            forget_catalogue(warehouse_hook())
        screen.say("The next run reads every song file again.")
    start, end = args.start_date or args.end_date, args.end_date or args.start_date
    if start is None and args.catalogue:
        return DONE
    if start is None:
        raise Refused("No range: give the first hour to -s and the last one, inclusive, to -e.")
    check_order(start, end)
    first, last = full_hour(start.moment), full_hour(end.moment)
    with asking_the_warehouse():
        hook = warehouse_hook()
        forgotten = forget_hours(hook, first, last)
        stay = [hour for hour in recorded(hook) if first <= hour.start <= last]
    screen.say(f"Took back {forgotten} {'hour' if forgotten == 1 else 'hours'}.")
    if stay:
        screen.say("What holds plays or events, or is under way, stays:")
        screen.say(describe(stay))
    return SOME_STAY if stay else DONE
