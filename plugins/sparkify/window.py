"""The time range that a run reads and replaces."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from sparkify.settings import lookback

HOUR = timedelta(hours=1)
LAST_OF_HOUR = HOUR - timedelta(microseconds=1)

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
"""The first and the last moment that there is."""

LAST_END = LAST.replace(hour=0, minute=0, second=0, microsecond=0)
"""The last moment at which a range may end: the hours and days that it touches end by then."""

MOMENT = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?"
    r"(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])?)?$"
)
"""The form of a bound of a range: a date, or a date-time, with or without its offset from UTC."""

RANGE_EXAMPLE = '{"start": "2018-11-01T00:00:00Z", "end": "2018-12-01T00:00:00Z"}'


@dataclass(frozen=True)
class Window:
    """A half-open range of time, UTC: its start belongs to it, its end does not."""

    start: datetime
    end: datetime

    @classmethod
    def of_run(cls, context: Mapping[str, Any]) -> "Window":
        """The range in the run's params, else the run's hour with the lookback before it."""
        run, params = context["dag_run"], context["params"]
        if unknown := sorted(params.keys() - context["dag"].params.keys()):
            raise AirflowFailException(
                f"This run was given {', '.join(map(repr, unknown))}, and the DAG has no such "
                f"param: it has {', '.join(context['dag'].params)}."
            )
        if params["start"] or params["end"]:
            if run.run_type == "backfill":
                raise AirflowFailException(
                    "A backfill has a run for each hour, so its runs take no start and end. "
                    "Remove them from its conf, or load the range in one run by hand."
                )
            return cls._of_range(params["start"], params["end"])
        hour = cls._hour_of(run)
        return cls(shifted(hour.start, -lookback()), hour.end)

    @classmethod
    def _hour_of(cls, run: Any) -> "Window":
        """
        The hour that the run's logical date lies in.

        The data interval of a scheduled or backfill run begins at its date. For a run by hand
        Airflow infers the hour before its date, or before now, and a backfill that clears such a
        run makes it one of its own, with that same interval.
        """
        if run.logical_date is None:
            raise AirflowFailException(
                "This run has no logical date, so it has no hour of its own to load. Give it a "
                f"range: trigger it with the params start and end, such as {RANGE_EXAMPLE}"
            )
        hour = full_hour(utc(run.logical_date))
        interval = cls(utc(run.data_interval_start), utc(run.data_interval_end))
        if interval.start == run.logical_date:
            return interval
        if interval.end - interval.start != HOUR:
            raise AirflowFailException(
                f"This run was given the data interval {interval}, and loads the hour of its "
                f"logical date, {hour:%Y-%m-%d %H:%M}. For another range trigger it with the "
                f"params start and end, such as {RANGE_EXAMPLE}"
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
                f"The range is empty: start {start} is not before end {end}. The end itself is "
                "not part of the range, so one day is start=2018-11-01, end=2018-11-02."
            )
        if window.end > LAST_END:
            raise AirflowFailException(
                f"The range ends at {end}, which is too late: {LAST_END:%Y-%m-%d} is the last end."
            )
        return window

    def holds(self, column: str) -> str:
        """The SQL predicate that is true for a row of this window, by its timestamp ``column``."""
        return f"({column} >= {literal(self.start)} and {column} < {literal(self.end)})"

    def before(self, column: str) -> str:
        """The SQL predicate that is true for a row before this window."""
        return f"{column} < {literal(self.start)}"

    def after(self, column: str) -> str:
        """The SQL predicate that is true for a row after this window."""
        return f"{column} >= {literal(self.end)}"

    @property
    def touched_hours(self) -> "Window":
        """The hours, from full to full, of which the window has a part."""
        return Window(full_hour(self.start), full_hour(shifted(self.end, LAST_OF_HOUR)))

    @property
    def touched_days(self) -> "Window":
        """The days in which at least a part of the window lies."""
        hours = self.touched_hours
        last = hours.end - HOUR
        return Window(hours.start.replace(hour=0), last.replace(hour=0) + timedelta(days=1))

    @property
    def whole_hours(self) -> "Window":
        """The hours that the window has from beginning to end; without one it ends as it starts."""
        first = full_hour(shifted(self.start, LAST_OF_HOUR))
        return Window(first, max(first, full_hour(self.end)))

    @property
    def hour_count(self) -> int:
        """How many full hours fit in."""
        return (self.end - self.start) // HOUR

    def __str__(self) -> str:
        return f"{_shown(self.start, 'minutes')} to {_shown(self.end, 'minutes')} UTC"


def _parse(param: str, text: str) -> datetime:
    """A date or date-time in ISO form; without an offset it is UTC."""
    try:
        return utc(datetime.fromisoformat(text))
    except (OverflowError, TypeError, ValueError) as error:
        raise AirflowFailException(
            f"The param {param} is {text!r}; it must be a date or a date-time of the years 1 to "
            "9999, such as 2018-11-01 or 2018-11-01T10:00:00Z."
        ) from error


def utc(moment: datetime) -> datetime:
    """The moment in UTC, which it is in where it names no zone, as a plain datetime."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    moment = moment.astimezone(UTC)
    # Airflow's own, pendulum's, loses its zone in replace().
    return datetime.combine(moment.date(), moment.time(), UTC)


def naive(moment: datetime) -> datetime:
    """UTC as the warehouse's timestamps hold it: without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def full_hour(moment: datetime) -> datetime:
    """The hour that a moment lies in."""
    return moment.replace(minute=0, second=0, microsecond=0)


def shifted(moment: datetime, by: timedelta) -> datetime:
    """The moment so much later; the first or the last that there is where it would be past it."""
    try:
        return moment + by
    except OverflowError:
        return (FIRST if by < timedelta() else LAST).replace(tzinfo=moment.tzinfo)


def literal(moment: datetime) -> str:
    """A moment as both engines take it."""
    return f"timestamp '{_shown(moment, 'microseconds')}'"


def _shown(moment: datetime, timespec: str) -> str:
    """A moment in ISO form; strftime would write the year 11 as 11, which is read as 2011."""
    return moment.replace(tzinfo=None).isoformat(" ", timespec)
