"""``airflow sparkify hours``: the state of the hours, and the commands that help."""

from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime

from airflow.sdk.exceptions import AirflowException

from sparkify.cli.failures import asking_the_warehouse, command
from sparkify.cli.metadata import Metadata
from sparkify.cli.request import Refused
from sparkify.cli.screen import Screen
from sparkify.cli.windows import Bound, minute
from sparkify.runs.hours import (
    DAG_ID,
    HOUR,
    NO_ACTION,
    Hour,
    describe,
    every_hour,
    mark_outdated,
    published_versions,
    reconcile,
    recorded,
)
from sparkify.settings import setting
from sparkify.sources.open import open_source
from sparkify.sources.partitions import Partition, event_listing
from sparkify.warehouse import warehouse_hook

ALL_WELL, ACTION_NEEDED = 0, 1


@command
def hours(args: Namespace, screen: Screen) -> int:
    """Describe the state of the hours."""
    check_order(args.start_date, args.end_date)
    now = datetime.now(UTC)
    with asking_the_warehouse():
        hook = warehouse_hook()
        found = reconcile(recorded(hook), Metadata().unsuccessful(DAG_ID), now)
        source = setting("source")
        versions = published_versions(hook, open_source(source).url)
    found = in_range(found, args.start_date, args.end_date, now)
    if not found:
        which = " of this range" if args.start_date or args.end_date else ""
        screen.say(f"No hour{which} is loaded, and no run was asked to load one.")
        return ALL_WELL
    try:
        found = mark_outdated(found, event_listing(source), versions, Partition.from_settings())
    except AirflowException as error:
        screen.complain(f"Note: the source was not looked at, so this is what runs saw. {error}")
    screen.say(describe(found))
    return ALL_WELL if all(hour.state in NO_ACTION for hour in found) else ACTION_NEEDED


def check_order(start: Bound | None, end: Bound | None) -> None:
    """Refuse a range that ends before it begins."""
    if start and end and start.moment > end.moment:
        raise Refused(
            f"The range is empty: its start {start.text} is after its end {end.text}. "
            "Give the earlier one to -s and the later one to -e."
        )


def in_range(
    found: Sequence[Hour], start: Bound | None, end: Bound | None, now: datetime
) -> list[Hour]:
    """The hours of a range; where both ends are given, every one that has ended is among them."""
    first, last = (full_hour(bound.moment) if bound else None for bound in (start, end))
    known = [
        hour
        for hour in found
        if (not first or first <= hour.start) and (not last or hour.start <= last)
    ]
    if not (first and last):
        return known
    if first > now and not known:
        raise Refused(
            f"The range is in the future: it starts at {minute(first)} UTC, and now it is "
            f"{minute(now)} UTC."
        )
    ended = list(every_hour(known, first, min(last + HOUR, full_hour(now))))
    return ended + [hour for hour in known if hour.start >= full_hour(now)]


def full_hour(moment: datetime) -> datetime:
    """The hour that a moment lies in."""
    return moment.replace(minute=0, second=0, microsecond=0)
