"""What was written, exactly: the truth a loader's result is compared with."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from local.simulator.sessions import Event
from local.simulator.world import REJECTED_FAULTS


class Fault(NamedTuple):
    """One fault that was put in."""

    kind: str
    file: str
    """Relative to the source, with forward slashes."""
    line: int
    """Counted from 1. Of a tie the play that was moved; of a duplicate the second copy."""
    form: str
    """Which of the kind's forms, such as ``truncated`` or ``ts``."""


@dataclass(frozen=True)
class Written:
    """
    Files, counts and faults of a simulated source.

    An event counts here if it can be loaded: the second copy of a duplicate does not count, nor
    does a line spoilt by ``broken``, ``wrong-types`` or ``nul``, which takes the place of an event.
    So ``lines`` is the sum of events, rejects and duplicates.
    """

    event_files: tuple[str, ...]
    song_files: tuple[str, ...]
    """Those in ``song_data``; songs held back are among the faults."""
    lines: int
    events: int
    plays: int
    users: int
    """Distinct users with an event."""
    listeners: int
    """Distinct users with a play."""
    start_times: int
    """Distinct times of a play."""
    songs: int
    artists: int
    matched: int
    """Plays whose title, artist and length, as written, are those of a song in ``song_data``."""
    matched_late: int
    """Further plays that match once ``late/song_data`` has been moved in."""
    matched_repaired: int
    """Further plays that match once mojibake is undone (and late songs have been moved in)."""
    faults: tuple[Fault, ...]

    def of_kind(self, kind: str) -> list[Fault]:
        """Return the faults of one kind."""
        return [fault for fault in self.faults if fault.kind == kind]

    @property
    def counts(self) -> dict[str, int]:
        """Number of faults by kind."""
        return dict(Counter(fault.kind for fault in self.faults))

    @property
    def rejects(self) -> list[Fault]:
        """The lines a loader has to refuse. An artist's name that is a number becomes text."""
        return [
            fault
            for fault in self.faults
            if fault.kind in REJECTED_FAULTS and fault.form != "artist_name"
        ]


@dataclass
class Tally:
    """Counts the events as they are written."""

    events: int = 0
    start_times: int = 0
    plays: Counter[str] = field(default_factory=Counter)
    users: set[int] = field(default_factory=set)
    listeners: set[int] = field(default_factory=set)

    def add(self, events: list[Event]) -> None:
        """Count the loadable events of one whole hour."""
        plays = [event for event in events if event.play]
        self.events += len(events)
        self.start_times += len({play.ts for play in plays})
        self.plays.update([play.play for play in plays])
        self.users.update([event.user for event in events if event.user])
        self.listeners.update([play.user for play in plays])
