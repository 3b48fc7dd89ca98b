"""The byte form of the public data: how events, songs and the field map are written."""

import json
from collections.abc import Mapping

EVENT_FIELDS = (
    "artist",
    "auth",
    "firstName",
    "gender",
    "itemInSession",
    "lastName",
    "length",
    "level",
    "location",
    "method",
    "page",
    "registration",
    "sessionId",
    "song",
    "status",
    "ts",
    "userAgent",
    "userId",
)


def event_value(value: object) -> str:
    """One value inside an event: ASCII only, and a slash is escaped."""
    return json.dumps(value).replace("/", "\\/")


def event_line(event: Mapping[str, object]) -> str:
    """One event as a line, without white space."""
    return json.dumps(event, separators=(",", ":")).replace("/", "\\/")


def song_text(song: Mapping[str, object]) -> str:
    """One song as its file holds it: blanks after colons and commas, slashes as they are."""
    return json.dumps(song)


def field_map() -> str:
    """The JSONPaths file, as COPY understands it."""
    return json.dumps({"jsonpaths": [f"$['{field}']" for field in EVENT_FIELDS]}, indent=4)
