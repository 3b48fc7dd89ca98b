"""``airflow sparkify hours``: which hours are loaded, and the command that mends the others."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from datetime import datetime

from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.sdk.exceptions import AirflowException
from airflow.utils import cli as cli_utils
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from rich.console import Console

from sparkify.commands.screen import Screen
from sparkify.commands.windows import Bound
from sparkify.hours import FINE, HOUR, Hour, between, compared, known, last_read, told
from sparkify.partitions import Partition, event_listing
from sparkify.settings import setting
from sparkify.source import open_source
from sparkify.warehouse import warehouse_hook

FINE_ALL, MENDING_NEEDED = 0, 1


@cli_utils.action_cli  # type: ignore[untyped-decorator]
@cli_utils.suppress_logs_and_warning
@providers_configuration_loaded
def hours(args: Namespace) -> None:
    """Tell how it stands with the hours, and end the process with the exit status."""
    screen = Screen(Console(), Console(stderr=True))
    hook = warehouse_hook()
    found = _in_range(known(hook), args.start_date, args.end_date)
    try:
        found = _compared(hook, found)
    except AirflowException as error:
        screen.complain(f"Note: the source was not looked at, so this is what runs saw. {error}")
    screen.say(told(found))
    sys.exit(FINE_ALL if all(hour.state in FINE for hour in found) else MENDING_NEEDED)


def _in_range(found: Sequence[Hour], start: Bound | None, end: Bound | None) -> list[Hour]:
    """The hours that runs were asked for, and in a range that is given every other hour too."""
    if start and end:
        return list(between(found, _full_hour(start.moment), _full_hour(end.moment) + HOUR))
    return [
        hour
        for hour in found
        if (not start or hour.start >= _full_hour(start.moment))
        and (not end or hour.start <= end.moment)
    ]


def _full_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _compared(hook: DbApiHook, found: Sequence[Hour]) -> list[Hour]:
    url, partition = setting("source"), Partition.of_settings()
    versions = last_read(hook, open_source(url).url)
    return compared(found, event_listing(url), versions, partition)
