"""Fault injection into the events of an hour, each kind with its own random numbers."""

import json
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from local.simulator.line_faults import LINE_FAULTS
from local.simulator.rng import Rng
from local.simulator.serialization import event_line
from local.simulator.sessions import Event
from local.simulator.world import EVENT_FAULTS, REJECTED_FAULTS, World

PARTNER = "partner of a tie"
"""Not a fault; it keeps faults away from the other play of a tie."""


class Mark(NamedTuple):
    """The position of a fault among lines."""

    at: int
    kind: str
    form: str


@dataclass
class Lines:
    """Lines in order, and the faults among them."""

    texts: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)

    def add(self, text: str, kind: str = "", form: str = "") -> None:
        """Append a line, marked as a fault if a kind is given."""
        if kind:
            self.marks.append(Mark(len(self.texts), kind, form))
        self.texts.append(text)


@dataclass
class Batch:
    """An hour: its lines, lines for the end of the day's file, and its loadable events."""

    lines: Lines = field(default_factory=Lines)
    last_lines: Lines = field(default_factory=Lines)
    events: list[Event] = field(default_factory=list)


class FaultInjector:
    """
    Injects the world's faults into its events, at most one per line.

    :param world: the parameters
    """

    def __init__(self, world: World) -> None:
        self._rates = {kind: world.rates[kind] for kind in EVENT_FAULTS if world.rates.get(kind)}
        self._where = {kind: Rng(world.seed, f"fault/{kind}") for kind in self._rates}
        self._how = {kind: Rng(world.seed, f"fault/{kind}/form") for kind in self._rates}

    def inject(self, events: list[Event]) -> Batch:
        """Return the lines for an hour's events, which must be in order."""
        if not self._rates:
            return Batch(Lines([event.line for event in events]), events=events)
        kinds = self._choose(len(events))
        if "ties" in self._rates:
            events = self._tie(events, kinds)
        batch = Batch()
        for index, event in enumerate(events):
            self._deliver(event, kinds.get(index, ""), batch)
        return batch

    def _choose(self, count: int) -> dict[int, str]:
        kinds: dict[int, str] = {}
        for kind, rate in self._rates.items():
            draw = self._where[kind].draw
            for index in [index for index in range(count) if draw() < rate]:
                kinds.setdefault(index, kind)
        return kinds

    @staticmethod
    def _tie(events: list[Event], kinds: dict[int, str]) -> list[Event]:
        """Move the plays chosen for a tie to the time of the next line, where possible."""
        tied = list(events)
        for index in sorted(index for index, kind in kinds.items() if kind == "ties"):
            if kinds[index] == PARTNER:
                continue
            if _can_tie(tied[index : index + 3]):
                ts = tied[index + 1].ts
                line = event_line(json.loads(tied[index].line) | {"ts": ts})
                tied[index] = tied[index]._replace(ts=ts, line=line)
                kinds[index + 1] = PARTNER
            else:
                del kinds[index]
        return tied

    def _deliver(self, event: Event, kind: str, batch: Batch) -> None:
        if kind in LINE_FAULTS:
            self._alter(event, kind, batch)
            return
        batch.events.append(event)
        if kind == "late" and event.play:
            batch.last_lines.add(event.line, kind, "appended")
            return
        batch.lines.add(event.line, "ties" if kind == "ties" else "", "moved")
        if kind == "duplicates":
            next_line = self._how[kind].happens(0.5)
            lines = batch.lines if next_line else batch.last_lines
            lines.add(event.line, kind, "next line" if next_line else "end of file")

    def _alter(self, event: Event, kind: str, batch: Batch) -> None:
        text, form = LINE_FAULTS[kind](event, self._how[kind]) or (event.line, "")
        batch.lines.add(text, kind if form else "", form)
        if form and kind == "mojibake" and event.play != "unmatched":
            batch.events.append(event._replace(play="garbled"))
        elif not form or kind not in REJECTED_FAULTS:
            batch.events.append(event)


def _can_tie(events: list[Event]) -> bool:
    """Return whether the first two are plays of two users and all times differ."""
    if len(events) < 2 or not (events[0].play and events[1].play):
        return False
    return events[0].user != events[1].user and all(
        early.ts < late.ts for early, late in pairwise(events)
    )
