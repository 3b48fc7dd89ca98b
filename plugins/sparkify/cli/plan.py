"""``airflow sparkify plan``: what loading a range of hours would do."""

from argparse import Namespace
from datetime import UTC, datetime

from sparkify.cli.arguments import MAX_ACTIVE_RUNS
from sparkify.cli.failures import command, explain_warehouse_errors
from sparkify.cli.hours import in_range
from sparkify.cli.metadata import Metadata
from sparkify.cli.request import Refused, check_order
from sparkify.cli.screen import Screen
from sparkify.runs.hours import DAG_ID, published_versions, reconcile, recorded
from sparkify.runs.plan import Plan, past_pace
from sparkify.runs.songs import published_songs
from sparkify.settings import lookback, setting
from sparkify.sources.open import find, open_source
from sparkify.sources.partitions import Partition, event_listing
from sparkify.warehouse import session, warehouse_hook

DONE = 0


@command
def plan(args: Namespace, screen: Screen) -> int:
    """Describe what loading a range would read and replace, and how long it would take."""
    start, end = args.start_date or args.end_date, args.end_date or args.start_date
    if start is None:
        raise Refused("No range: give the first hour to -s and the last one, inclusive, to -e.")
    check_order(start, end)
    now = datetime.now(UTC)
    source = open_source(setting("source"))
    with explain_warehouse_errors():
        hook = warehouse_hook()
        hours = reconcile(recorded(hook), Metadata().unsuccessful(DAG_ID), now)
        versions = published_versions(hook, source.url)
        with session(hook) as cursor:
            published = published_songs(cursor, source.url)
        pace = past_pace(hook)
    hours = [hour for hour in in_range(hours, start, end, now) if hour.start < now]
    if not hours:
        raise Refused(f"No hour of the range has begun: it is {now:%Y-%m-%d %H:%M} UTC now.")
    with screen.working("Listing the source"):
        listed = (
            file for pattern in setting("songs").splitlines() for file in find(source, pattern)
        )
        songs = [file for file in listed if file.version not in published]
        events = event_listing(setting("source"))
        found = Plan.of(hours, events, versions, songs, Partition.from_settings(), lookback())
    screen.print(found.describe(pace, MAX_ACTIVE_RUNS))
    return DONE
