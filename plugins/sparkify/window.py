"""The time window that a run reads and replaces."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from sparkify.settings import lookback

HOUR = timedelta(hours=1)
LAST_OF_HOUR = HOUR - timedelta(microseconds=1)

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
"""The earliest and the latest time that can be represented."""

LAST_END = LAST.replace(hour=0, minute=0, second=0, microsecond=0)
"""The latest end of a range: the hours and days that it touches must end by then."""

LONGEST_YEARS = 20
LONGEST = LONGEST_YEARS * timedelta(days=366)
"""The longest range: a load takes time for each hour, and a typo in the year is soon made."""

MOMENT = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?"
    r"(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])?)?$"
)
"""The format of a bound of a range: a date or a date-time, with or without an offset from UTC."""

RANGE_EXAMPLE = '{"start": "2018-11-01T00:00:00Z", "end": "2018-12-01T00:00:00Z"}'


@dataclass(frozen=True)
class Window:
    """A half-open range of time in UTC: the start is inclusive, the end exclusive."""

    start: datetime
    end: datetime

    @classmethod
    def of_run(cls, context: Mapping[str, Any]) -> "Window":
        """Return the range in the run's params, or the run's hour and the lookback before it."""
        run, params = context["dag_run"], context["params"]
        if unknown := sorted(params.keys() - context["dag"].params.keys()):
            raise AirflowFailException(
                f"This run was given {', '.join(map(repr, unknown))}, which the DAG has no param "
                f"for. Its params are {', '.join(context['dag'].params)}."
            )
        if params["start"] or params["end"]:
            if run.run_type == "backfill":
                raise AirflowFailException(
                    "A backfill has a run for each hour, so its runs take no start and end. "
                    "Remove them from its conf, or trigger one run for the range."
                )
            return cls._of_range(params["start"], params["end"])
        hour = cls._hour_of(run)
        return cls(shift(hour.start, -lookback()), hour.end)

    @classmethod
    def _hour_of(cls, run: Any) -> "Window":
        """
        Return the hour that contains the run's logical date.

        The data interval of a scheduled or backfill run begins at its logical date. For a manual
        run Airflow infers the hour before that date, or before now; a backfill that clears such a
        run adopts it with that interval.
        """
        if run.logical_date is None:
            raise AirflowFailException(
                "This run has no logical date, so it has no hour of its own to load. Trigger it "
                f"with a range, as the params start and end, such as {RANGE_EXAMPLE}"
            )
        hour = full_hour(utc(run.logical_date))
        interval = cls(utc(run.data_interval_start), utc(run.data_interval_end))
        if interval.start == run.logical_date < interval.end:
            return interval
        if interval.end - interval.start != HOUR:
            raise AirflowFailException(
                f"This run was given the data interval {interval}, but a run loads the hour of its "
                f"logical date, {hour:%Y-%m-%d %H:%M}. Trigger it without an interval or, to load "
                f"another range, with the params start and end, such as {RANGE_EXAMPLE}"
            )
        return cls(hour, hour + HOUR)

    @classmethod
    def _of_range(cls, start: str | None, end: str | None) -> "Window":
        if not (start and end):
            raise AirflowFailException(
                f"A range run needs both params, start and end, such as {RANGE_EXAMPLE}; "
                f"got start={start!r} and end={end!r}."
            )
        window = cls(_parse("start", start), _parse("end", end))
        if window.start >= window.end:
            raise AirflowFailException(
                f"The range is empty: start {start} is not before end {end}. The end is exclusive, "
                "so one day is start=2018-11-01, end=2018-11-02."
            )
        if window.end > LAST_END:
            raise AirflowFailException(
                f"The range ends too late, at {end}; the latest end is {LAST_END:%Y-%m-%d}."
            )
        if window.end - window.start > LONGEST:
            raise AirflowFailException(
                f"The range is too long: from start {start} to end {end} it is more than "
                f"{LONGEST_YEARS} years. Correct the year, or load it in several runs."
            )
        return window

    def holds(self, column: str) -> str:
        """Return the SQL predicate of the rows in this window, by a timestamp column."""
        return f"({column} >= {literal(self.start)} and {column} < {literal(self.end)})"

    def holds_days(self, column: str) -> str:
        """
        Return the SQL predicate of the rows in this window of whole days, by a date column.

        Redshift may read all blocks of such a column if it is compared with timestamps.
        """
        return f"({column} >= date '{self.start.date()}' and {column} < date '{self.end.date()}')"

    def before(self, column: str) -> str:
        """Return the SQL predicate of the rows before this window."""
        return f"{column} < {literal(self.start)}"

    def after(self, column: str) -> str:
        """Return the SQL predicate of the rows after this window."""
        return f"{column} >= {literal(self.end)}"

    @property
    def touched_hours(self) -> "Window":
        """The hours that the window overlaps."""
        return Window(full_hour(self.start), full_hour(shift(self.end, LAST_OF_HOUR)))

    @property
    def touched_days(self) -> "Window":
        """The days that the window overlaps."""
        hours = self.touched_hours
        last = hours.end - HOUR
        return Window(hours.start.replace(hour=0), last.replace(hour=0) + timedelta(days=1))

    @property
    def whole_hours(self) -> "Window":
        """The hours that the window contains completely; an empty window if there are none."""
        first = full_hour(shift(self.start, LAST_OF_HOUR))
        return Window(first, max(first, full_hour(self.end)))

    @property
    def hour_count(self) -> int:
        """The number of full hours that fit into the window."""
        return (self.end - self.start) // HOUR

    @property
    def begins_day(self) -> bool:
        """Whether a day begins in the window."""
        midnight = self.start.replace(hour=0, minute=0, second=0, microsecond=0)
        return self.start == midnight or shift(midnight, timedelta(days=1)) < self.end

    def __str__(self) -> str:
        return f"{_format(self.start, 'minutes')} to {_format(self.end, 'minutes')} UTC"


def merge(windows: Iterable[Window]) -> list[Window]:
    """Sort the windows, and join those that overlap or touch."""
    merged: list[Window] = []
    for window in sorted(windows, key=lambda window: window.start):
        if merged and window.start <= merged[-1].end:
            merged[-1] = Window(merged[-1].start, max(merged[-1].end, window.end))
        else:
            merged.append(window)
    return merged


def _parse(param: str, text: str) -> datetime:
    """Parse an ISO date or date-time; without an offset it is UTC."""
    try:
        return utc(datetime.fromisoformat(text))
    except (OverflowError, TypeError, ValueError) as error:
        raise AirflowFailException(
            f"The param {param} is {text!r}; it must be a date or a date-time in the years 1 to "
            "9999, such as 2018-11-01 or 2018-11-01T10:00:00Z."
        ) from error


def utc(moment: datetime) -> datetime:
    """The moment in UTC, which it is in where it names no zone, as a plain datetime."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    moment = moment.astimezone(UTC)
    # pendulum's datetime, which Airflow uses, loses its zone in replace().
    return datetime.combine(moment.date(), moment.time(), UTC)


def naive(moment: datetime) -> datetime:
    """Convert to UTC without a zone, as the warehouse stores timestamps."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def full_hour(moment: datetime) -> datetime:
    """Return the start of the hour that contains a moment."""
    return moment.replace(minute=0, second=0, microsecond=0)


def shift(moment: datetime, by: timedelta) -> datetime:
    """Add a duration, stopping at the earliest and the latest time that can be represented."""
    try:
        return moment + by
    except OverflowError:
        return (FIRST if by < timedelta() else LAST).replace(tzinfo=moment.tzinfo)


def literal(moment: datetime) -> str:
    """Format a moment as a literal for both engines."""
    return f"timestamp '{_format(moment, 'microseconds')}'"


def _format(moment: datetime, timespec: str) -> str:
    """Format as ISO: strftime would write the year 11 as 11, which is read as 2011."""
    return moment.replace(tzinfo=None).isoformat(" ", timespec)
