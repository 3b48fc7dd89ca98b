"""Faults within a line."""

import json
from collections.abc import Callable

from local.simulator.rng import Rng
from local.simulator.serialization import event_line
from local.simulator.sessions import Event

GARBAGE = (
    '10.3.0.7 - - "GET /health HTTP/1.1" 200 2',
    "Traceback (most recent call last):",
    "<html><body>503 Service Unavailable</body></html>",
    "artist,auth,firstName,gender,itemInSession",
)
WRONG_VALUES = {"ts": "yesterday", "sessionId": "abc", "length": "long"}

Altered = tuple[str, str] | None
"""The altered line and the variant of the fault; None if it does not apply to the event."""


def _mojibake(event: Event, how: Rng) -> Altered:
    """UTF-8 read as Latin-1, once or twice."""
    rounds = 1 + how.below(2)
    if not event.play or "\\u" not in event.line:
        return None
    fields = json.loads(event.line)
    garbled = {name: fields[name] for name in ("artist", "song")}
    for _ in range(rounds):
        garbled = {name: text.encode().decode("latin-1") for name, text in garbled.items()}
    line = event_line(fields | garbled)
    return None if line == event.line else (line, ("once", "twice")[rounds - 1])


def _broken(event: Event, how: Rng) -> Altered:
    form = how.pick(("truncated", "garbage", "brace"))
    texts = {
        "truncated": event.line[: 1 + how.below(len(event.line) - 1)],
        "garbage": how.pick(GARBAGE),
        "brace": "}",
    }
    return texts[form], form


def _wrong_type(event: Event, how: Rng) -> Altered:
    name = how.pick([name for name in WRONG_VALUES if event.play or name != "length"])
    return event_line(json.loads(event.line) | {name: WRONG_VALUES[name]}), name


def _nul(event: Event, _: Rng) -> Altered:
    if not event.play:
        return None
    fields = json.loads(event.line)
    title = fields["song"]
    return event_line(fields | {"song": f"{title[:1]}\0{title[1:]}"}), "song"


LINE_FAULTS: dict[str, Callable[[Event, Rng], Altered]] = {
    "mojibake": _mojibake,
    "broken": _broken,
    "wrong-types": _wrong_type,
    "nul": _nul,
}
