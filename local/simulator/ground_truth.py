"""What exactly was written, to compare the result of a load with."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from local.simulator.sessions import Event


class Fault(NamedTuple):
    """An injected fault."""

    kind: str
    file: str
    """Path relative to the source, with forward slashes."""
    line: int
    """Counted from 1; of a tie, the moved play; of a duplicate, the second copy."""
    form: str
    """Variant of the kind, such as ``truncated`` or ``ts``."""


@dataclass(frozen=True)
class GroundTruth:
    """
    Files, counts and faults of a simulated source.

    Only loadable events count: neither the second copy of a duplicate, nor a line damaged by
    ``broken``, ``wrong-types`` or ``nul``, which replaces an event. So ``lines`` is the sum of
    events, rejects and duplicates.
    """

    event_files: tuple[str, ...]
    song_files: tuple[str, ...]
    """Files in ``song_data``; those held back are among the faults."""
    lines: int
    events: int
    plays: int
    users: int
    """Distinct users with events."""
    listeners: int
    """Distinct users with plays."""
    start_times: int
    """Distinct times of plays."""
    songs: int
    artists: int
    matched: int
    """Plays whose title, artist and length match a song in ``song_data`` as written."""
    matched_late: int
    """Additional plays that match once ``late/song_data`` is moved in."""
    matched_repaired: int
    """Additional plays that match once mojibake is repaired and late songs are moved in."""
    faults: tuple[Fault, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Number of faults by kind."""
        return dict(Counter(fault.kind for fault in self.faults))


@dataclass
class Tally:
    """Counts of the events as they are written."""

    events: int = 0
    start_times: int = 0
    plays: Counter[str] = field(default_factory=Counter)
    users: set[int] = field(default_factory=set)
    listeners: set[int] = field(default_factory=set)

    def add(self, events: list[Event]) -> None:
        """Add the loadable events of an hour."""
        plays = [event for event in events if event.play]
        self.events += len(events)
        self.start_times += len({play.ts for play in plays})
        self.plays.update([play.play for play in plays])
        self.users.update([event.user for event in events if event.user])
        self.listeners.update([play.user for play in plays])
