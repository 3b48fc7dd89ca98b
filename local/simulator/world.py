"""The parameters of a simulated world."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

EVENT_FAULTS = ("ties", "duplicates", "mojibake", "broken", "wrong-types", "nul", "late")
FAULTS = (*EVENT_FAULTS, "late-songs")
REJECTED_FAULTS = ("broken", "wrong-types", "nul")
"""Faults that make an event impossible to load."""

EVENTS_PER_USER_DAY = 2.8
MAX_EVENTS_PER_USER_DAY = 100
MILLIS_PER_HOUR = 3_600_000
MILLIS_PER_DAY = 24 * MILLIS_PER_HOUR


@dataclass(frozen=True)
class World:
    """
    Parameters of a simulation. The same world yields the same bytes on every machine.

    :param start: first UTC day
    :param days: number of days
    :param users: number of registered users; the least active may have no events
    :param songs: number of songs in the catalogue
    :param events: approximate number of events; by default, it follows from users and days
    :param seed: seed of all random numbers
    :param faults: kinds of faults to inject, ``kind`` or ``kind=rate``; ``all`` is every kind
    :param fault_rate: share of eligible events or songs with a fault, unless given per fault
    :param match_share: share of plays whose song is in the catalogue
    """

    start: date = date(2018, 11, 1)
    days: int = 30
    users: int = 96
    songs: int = 71
    events: int | None = None
    seed: int = 1
    faults: tuple[str, ...] = ()
    fault_rate: float = 0.01
    match_share: float = 0.8

    def __post_init__(self) -> None:
        for name in ("days", "users", "songs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}.")
        most = self.users * self.days * MAX_EVENTS_PER_USER_DAY
        if not 0 <= self.wanted <= most:
            raise ValueError(
                f"With users at {self.users:,} and days at {self.days:,} there can be "
                f"0 to {most:,} events, not {self.wanted:,}: ask for more users or days as well."
            )
        if not 0 <= self.match_share <= 1:
            raise ValueError(f"The match share must be between 0 and 1, not {self.match_share}.")
        try:
            self.start + timedelta(days=self.days)
        except OverflowError:
            raise ValueError(f"{self.days:,} days from {self.start} exceed the calendar.") from None
        if any(not 0 <= rate <= 1 for rate in self.rates.values()):
            raise ValueError("A fault rate must be between 0 and 1.")

    @property
    def wanted(self) -> int:
        """Approximate number of events."""
        if self.events is None:
            return round(self.users * self.days * EVENTS_PER_USER_DAY)
        return self.events

    @property
    def opens_at(self) -> int:
        """The start of the first day, in epoch milliseconds."""
        return (self.start - date(1970, 1, 1)).days * MILLIS_PER_DAY

    @property
    def dates(self) -> list[date]:
        """The UTC days, in order."""
        return [self.start + timedelta(days=number) for number in range(self.days)]

    @cached_property
    def rates(self) -> dict[str, float]:
        """The rates of the requested kinds of faults."""
        rates: dict[str, float] = {}
        for word in self.faults:
            kind, _, rate = word.partition("=")
            if kind not in (*FAULTS, "all"):
                raise ValueError(f"Unknown fault {kind!r}: choose from all, {', '.join(FAULTS)}.")
            share = _rate(kind, rate) if rate else self.fault_rate
            rates |= dict.fromkeys(FAULTS if kind == "all" else (kind,), share)
        return rates


def _rate(kind: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"The rate of {kind} must be a number like 0.01, not {text!r}.") from None
