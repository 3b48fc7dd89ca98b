"""The windows of a backfill: which there are in the range, and what becomes of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sparkify.runs.hours import Load


@dataclass(frozen=True)
class Bound:
    """An end of the range, UTC, and how it was written."""

    moment: datetime
    text: str

    @property
    def is_date(self) -> bool:
        """Whether it was written without a time of day."""
        return "T" not in self.text and " " not in self.text


@dataclass(frozen=True)
class Window:
    """The data interval of one run, with the logical date that names it."""

    logical_date: datetime
    start: datetime
    end: datetime

    def __str__(self) -> str:
        if self.start.date() == self.end.date():
            return f"{minute(self.start)} to {self.end:%H:%M}"
        return f"{minute(self.start)} to {minute(self.end)}"


@dataclass(frozen=True)
class Run:
    """A window's run as it is now."""

    run_id: str
    state: str
    started: datetime | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it will not change by itself any more."""
        return self.state in ("success", "failed")


class Reprocess(Enum):
    """Which windows are run again that have been run before; the values are Airflow's."""

    NONE = "none"
    FAILED = "failed"
    COMPLETED = "completed"


class Fate(Enum):
    """What a backfill does with a window."""

    NEW = "to run"
    AGAIN = "to run again"
    SUCCEEDED = "succeeded before, left as is"
    UNLOADED = "succeeded before without loading its hour, left as is"
    FAILED = "failed before, left as is"
    UNDERWAY = "under way already, left to it"


@dataclass(frozen=True)
class Plan:
    """
    The windows of a range, in the order of time.

    :param windows: at least one
    :param runs: the runs they have already, by logical date
    :param reprocess: which of these are repeated
    :param loads: what the warehouse says of the windows' hours, where it can be asked
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

    def fate(self, window: Window) -> Fate:
        """What becomes of a window; Airflow decides likewise when it creates the backfill."""
        run = self.runs.get(window.logical_date)
        if run is None:
            return Fate.NEW
        if not run.has_ended:
            return Fate.UNDERWAY
        if self.reprocess is Reprocess.COMPLETED:
            return Fate.AGAIN
        if run.state == "failed":
            return Fate.AGAIN if self.reprocess is Reprocess.FAILED else Fate.FAILED
        return Fate.SUCCEEDED if self.holds(window) else Fate.UNLOADED

    def holds(self, window: Window) -> bool:
        """Whether a window's run succeeded and, where that is known, the warehouse has its hour."""
        run = self.runs.get(window.logical_date)
        if run is None or run.state != "success":
            return False
        if self.loads is None:
            return True
        load = self.loads.get(window.start)
        if load is None:
            return False
        # By that run or a later one: a run may have had another window than its date says.
        return load.run_id == run.run_id or bool(run.started and load.loaded_at >= run.started)

    def count(self, *fates: Fate) -> int:
        """How many windows meet one of these fates."""
        return sum(self.fate(window) in fates for window in self.windows)


def notes(start: Bound, end: Bound, windows: Sequence[Window], is_cut: bool) -> list[str]:
    """What of the range a reader might expect to be run, and is not."""
    first, last = windows[0], windows[-1]
    found = []
    if first.start > start.moment:
        found.append(
            f"START {start.text} lies inside an interval, and only whole intervals are run: the "
            f"first one begins at {minute(first.start)}. To run the one around START, too, give "
            "its beginning."
        )
    if is_cut:
        found.append(
            f"What comes after {minute(last.end)} has not ended yet; the schedule runs it when it "
            "has."
        )
    elif end.is_date and last.end < end.moment + timedelta(days=1):
        day_before = end.moment - timedelta(days=1)
        without = f"; nothing of it: -e {day_before:%Y-%m-%d}T23:59" if len(windows) > 1 else ""
        found.append(
            f"END is inclusive, and a date is its midnight: of {end.text} only {last} is run. "
            f"All of that day: -e {end.text}T23:59{without}"
        )
    return found


def minute(moment: datetime) -> str:
    """A moment as it is shown."""
    return f"{moment:%Y-%m-%d %H:%M}"
