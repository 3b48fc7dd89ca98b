"""Serialization of events, songs and the field map, byte for byte as in the public data."""

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
    """Serialize a value of an event: ASCII with escaped slashes."""
    return json.dumps(value).replace("/", "\\/")


def event_line(event: Mapping[str, object]) -> str:
    """Serialize an event as a line without white space."""
    return json.dumps(event, separators=(",", ":")).replace("/", "\\/")


def song_text(song: Mapping[str, object]) -> str:
    """Serialize a song: blanks after colons and commas, unescaped slashes."""
    return json.dumps(song)


def field_map() -> str:
    """Return the JSONPaths file for COPY."""
    return json.dumps({"jsonpaths": [f"$['{field}']" for field in EVENT_FIELDS]}, indent=4)
