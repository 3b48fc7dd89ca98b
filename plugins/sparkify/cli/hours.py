"""``airflow sparkify hours``: the state of the hours, and the commands that repair them."""

from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime

from airflow.sdk.exceptions import AirflowException

from sparkify.cli.failures import command, explain_warehouse_errors
from sparkify.cli.metadata import Metadata
from sparkify.cli.request import Refused, check_order
from sparkify.cli.screen import Screen
from sparkify.cli.windows import Bound, minute
from sparkify.doctor.errors import describe as told
from sparkify.runs.hours import (
    DAG_ID,
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
from sparkify.window import HOUR, full_hour

ALL_WELL, ACTION_NEEDED = 0, 1


@command
def hours(args: Namespace, screen: Screen) -> int:
    """Describe the state of the hours."""
    check_order(args.start_date, args.end_date)
    now = datetime.now(UTC)
    with explain_warehouse_errors():
        hook = warehouse_hook()
        found = reconcile(recorded(hook), Metadata().unsuccessful(DAG_ID), now)
        source = setting("source")
        versions = published_versions(hook, open_source(source).url)
    found = in_range(found, args.start_date, args.end_date, now)
    if not found:
        which = " of this range" if args.start_date or args.end_date else ""
        screen.print(f"No hour{which} is loaded, and no run was to load one.")
        return ALL_WELL
    try:
        found = mark_outdated(found, event_listing(source), versions, Partition.from_settings())
        is_listed = True
    except AirflowException as error:
        screen.print_error(f"Cannot list the source, so changed files do not show. {told(error)}")
        is_listed = False
    screen.print(describe(found))
    is_well = is_listed and all(hour.state in NO_ACTION for hour in found)
    return ALL_WELL if is_well else ACTION_NEEDED


def in_range(
    found: Sequence[Hour], start: Bound | None, end: Bound | None, now: datetime
) -> list[Hour]:
    """Return the hours of a range; if both ends are given, including every ended hour."""
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
            f"The range is in the future: it starts at {minute(first)} UTC, and it is "
            f"{minute(now)} UTC now."
        )
    ended = list(every_hour(known, first, min(last + HOUR, full_hour(now))))
    return ended + [hour for hour in known if hour.start >= full_hour(now)]
