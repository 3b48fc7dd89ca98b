"""The windows of a backfill, and what it does with each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sparkify.runs.hours import Load


@dataclass(frozen=True)
class Bound:
    """A bound of the range in UTC, and its text."""

    moment: datetime
    text: str

    @property
    def is_date(self) -> bool:
        """Whether it has no time of day."""
        return "T" not in self.text and " " not in self.text


@dataclass(frozen=True)
class Window:
    """The data interval of one run, and its logical date."""

    logical_date: datetime
    start: datetime
    end: datetime

    def __str__(self) -> str:
        if self.start.date() == self.end.date():
            return f"{minute(self.start)} to {self.end:%H:%M}"
        return f"{minute(self.start)} to {minute(self.end)}"


@dataclass(frozen=True)
class Run:
    """The run of a window."""

    run_id: str
    state: str
    started: datetime | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it has succeeded or failed."""
        return self.state in ("success", "failed")


class Reprocess(Enum):
    """Which windows are run again; the values are Airflow's."""

    NONE = "none"
    FAILED = "failed"
    COMPLETED = "completed"


class Action(Enum):
    """What a backfill does with a window."""

    NEW = "to run"
    AGAIN = "to run again"
    SUCCEEDED = "succeeded before, kept"
    UNLOADED = "succeeded before without loading its hour, kept"
    FAILED = "failed before, kept"
    UNDERWAY = "already under way, kept"


@dataclass(frozen=True)
class Plan:
    """
    The windows of a range, in chronological order.

    :param windows: at least one
    :param runs: existing runs by logical date
    :param reprocess: which of these to repeat
    :param loads: loads of the windows' hours, if the warehouse can be queried
    """

    windows: Sequence[Window]
    runs: Mapping[datetime, Run]
    reprocess: Reprocess
    loads: Mapping[datetime, Load] | None = None

    @property
    def first(self) -> datetime:
        """The first logical date."""
        return self.windows[0].logical_date

    @property
    def last(self) -> datetime:
        """The last logical date."""
        return self.windows[-1].logical_date

    @property
    def span(self) -> str:
        """From the first interval's start to the last one's end."""
        return f"{minute(self.windows[0].start)} to {minute(self.windows[-1].end)} UTC"

    def action(self, window: Window) -> Action:
        """Decide what happens to a window, as Airflow will when it creates the backfill."""
        run = self.runs.get(window.logical_date)
        if run is None:
            return Action.NEW
        if not run.has_ended:
            return Action.UNDERWAY
        if self.reprocess is Reprocess.COMPLETED:
            return Action.AGAIN
        if run.state == "failed":
            return Action.AGAIN if self.reprocess is Reprocess.FAILED else Action.FAILED
        return Action.SUCCEEDED if self.holds(window) else Action.UNLOADED

    def holds(self, window: Window) -> bool:
        """Whether a window's run succeeded and, if that is known, its hour is loaded."""
        run = self.runs.get(window.logical_date)
        if run is None or run.state != "success":
            return False
        if self.loads is None:
            return True
        load = self.loads.get(window.start)
        if load is None:
            return False
        # By that run or a later one, since a run may have had another window.
        return load.run_id == run.run_id or bool(run.started and load.loaded_at >= run.started)

    def count(self, *actions: Action) -> int:
        """Count the windows with one of these actions."""
        return sum(self.action(window) in actions for window in self.windows)


def notes(start: Bound, end: Bound, windows: Sequence[Window], is_cut: bool) -> list[str]:
    """Explain which parts of the range are not run although a user may expect it."""
    first, last = windows[0], windows[-1]
    found = []
    if first.start > start.moment:
        found.append(
            f"START {start.text} is inside an interval, and only whole intervals are run: the "
            f"first one begins at {minute(first.start)}. To include the one around START, give its "
            "beginning."
        )
    if is_cut:
        found.append(
            f"Intervals after {minute(last.end)} have not ended yet; the schedule runs them once "
            "they have."
        )
    elif end.is_date and last.end < end.moment + timedelta(days=1):
        day_before = end.moment - timedelta(days=1)
        without = f"; to exclude it: -e {day_before:%Y-%m-%d}T23:59" if len(windows) > 1 else ""
        found.append(
            f"END is inclusive, and a date is its midnight: of {end.text} only {last} is run. "
            f"To include the whole day: -e {end.text}T23:59{without}"
        )
    return found


def minute(moment: datetime) -> str:
    """Format a moment to the minute."""
    return f"{moment:%Y-%m-%d %H:%M}"
