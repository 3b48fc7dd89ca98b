"""
What the warehouse must hold, computed from the source files by plain Python.

It shares no line with the project: an independent reading of the same contract, for small sources
in the public form (one JSON object a line).
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

Row = tuple[Any, ...]
EPOCH = datetime(1970, 1, 1)


def expected(root: Path, zone: str = "UTC", slack: int = 0) -> dict[str, list[Row]]:
    """Every table's rows, in the order of its key, of files that are cut at a zone's midnight."""
    loaded, _ = read(root, zone, slack)
    events = [event for event in loaded if event["user"] is not None]
    songs = _songs(root)
    plays = _first_by(
        (event for event in events if event["page"] == "NextSong"),
        key=lambda event: (event["at"], event["user"], event["sessionId"], event["itemInSession"]),
        order=lambda event: _nulls_last(
            event, "song", "artist", "length", "level", "location", "userAgent"
        ),
    )
    return {
        "songplays": sorted(_songplay(play, songs) for play in plays),
        "user_events": sorted(_user_events(events), key=_null_last_row),
        "users": sorted(_users(events)),
        "user_levels": sorted(_user_levels(events), key=lambda spell: (spell[0], spell[2])),
        "songs": sorted(_song(song) for song in songs),
        "artists": sorted(_artists(songs)),
        "time": sorted(_time(moment) for moment in {play["at"] for play in plays}),
        "session_hours": sorted(_session_hours(plays), key=_null_last_row),
        "song_days": sorted(_song_days(plays), key=_null_last_row),
    }


def read(root: Path, zone: str, slack: int) -> tuple[list[dict[str, Any]], list[Row]]:
    """The events that are loaded; and file and line of those that are of another day than that."""
    events, strays = [], []
    for file in sorted(root.glob("log_data/*/*/*.json")):
        for number, line in enumerate(file.read_text().split("\n"), start=1):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if not isinstance(event.get("ts"), int):
                continue
            user = int(event["userId"]) if event["userId"] else None
            if event["page"] == "NextSong" and user is None:
                continue
            at = EPOCH + timedelta(milliseconds=event["ts"])
            if _is_day(at, zone, slack, file.name[:10]):
                events.append(event | {"user": user, "at": at})
            else:
                strays.append((str(file.relative_to(root)), number))
    return events, strays


def _is_day(at: datetime, zone: str, slack: int, day: str) -> bool:
    """Whether it is this day, so many hours before or after a moment or in between, in a zone."""
    first, last = (
        (at + hours).replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date().isoformat()
        for hours in (timedelta(hours=-slack), timedelta(hours=slack))
    )
    return first <= day <= last


def _songs(root: Path) -> list[dict[str, Any]]:
    """Each song once: of several files that hold it, the last by name counts."""
    songs: dict[str, dict[str, Any]] = {}
    for file in sorted(root.glob("song_data/*/*/*/*.json"), key=lambda file: file.as_posix()):
        songs |= {song["song_id"]: song for song in _songs_in(file)}
    return list(songs.values())


def _songs_in(file: Path) -> Iterable[dict[str, Any]]:
    """The songs of a file, one a line, without what is none."""
    for line in file.read_text().split("\n"):
        try:
            song = json.loads(line)
        except ValueError:
            continue
        if song.get("song_id") and song.get("artist_id"):
            yield song


def _songplay(play: dict[str, Any], songs: list[dict[str, Any]]) -> Row:
    key = f"{play['user']}-{play['sessionId']}-{play['itemInSession']}"
    digest = hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()
    delivered = (play["song"], play["artist"], play["length"])
    played = (_meant(play["song"]), _meant(play["artist"]), play["length"])
    matches = [
        (song["song_id"], song["artist_id"])
        for song in songs
        if (song["title"], song["artist_name"], song["duration"]) == played
    ]
    return (
        f"{play['at']:%Y%m%d%H%M%S}{play['at'].microsecond // 1000:03}{digest[:15]}",
        play["at"],
        play["user"],
        play["level"],
        *(min(matches) if matches else (None, None)),
        play["sessionId"],
        play["location"],
        play["userAgent"],
        play["itemInSession"],
        *delivered,
        ("exact" if played == delivered else "repaired") if matches else None,
    )


def _meant(text: str | None) -> str | None:
    """Text that was read as Latin-1 once or twice, as these sources hold it."""
    try:
        return _meant(text.encode("latin-1").decode()) if text and not text.isascii() else text
    except UnicodeError:
        return text


def _user_events(events: list[dict[str, Any]]) -> Iterable[Row]:
    distinct = _first_by(
        events,
        key=lambda e: (e["at"], e["user"], e["sessionId"], e["itemInSession"], e["page"]),
        order=lambda event: _nulls_last(event, "level", "firstName", "lastName", "gender"),
    )
    for event in distinct:
        fields = "sessionId itemInSession page level firstName lastName gender"
        yield (event["at"], event["user"], *(event[field] for field in fields.split()))


def _users(events: list[dict[str, Any]]) -> Iterable[Row]:
    for user, its in _grouped(events).items():
        last = its[-1]
        yield (
            user,
            last["firstName"],
            last["lastName"],
            last["gender"],
            last["level"],
            last["at"],
        )


def _user_levels(events: list[dict[str, Any]]) -> Iterable[Row]:
    for user, its in _grouped(events).items():
        level_at = {event["at"]: event["level"] for event in its}
        begins: list[tuple[datetime, str]] = []
        for moment, level in level_at.items():
            if not begins or begins[-1][1] != level:
                begins.append((moment, level))
        ends = [moment for moment, _ in begins[1:]] + [None]
        for (moment, level), end in zip(begins, ends, strict=True):
            yield (user, level, moment, end)


def _grouped(events: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    """Each user's events, the one that counts last at the end."""
    found = defaultdict(list)
    for event in events:
        found[event["user"]].append(event)
    for its in found.values():
        its.sort(key=lambda event: _nulls_last(event, "level", "firstName", "lastName", "gender"))
        its.reverse()
        its.sort(key=lambda event: (event["at"], event["itemInSession"], event["sessionId"]))
    return found


def _song(song: dict[str, Any]) -> Row:
    return (
        song["song_id"],
        song["title"],
        song["artist_id"],
        song["year"] or None,
        song["duration"],
        str(song["artist_name"]),
    )


def _artists(songs: list[dict[str, Any]]) -> Iterable[Row]:
    by_artist = defaultdict(list)
    for song in songs:
        by_artist[song["artist_id"]].append(song)
    for artist_id, its in by_artist.items():
        placed = [song for song in its if song["artist_location"]]
        song = min(placed or its, key=lambda song: song["song_id"])
        yield (
            artist_id,
            str(song["artist_name"]),
            song["artist_location"] or None,
            song["artist_latitude"],
            song["artist_longitude"],
            song["song_id"],
        )


def _session_hours(plays: list[dict[str, Any]]) -> Iterable[Row]:
    hours = defaultdict(list)
    for play in plays:
        hour = play["at"].replace(minute=0, second=0, microsecond=0)
        fields = (play["user"], play["sessionId"], play["level"], play["location"])
        hours[(hour, *fields)].append(play)
    for key, its in hours.items():
        moments = [play["at"] for play in its]
        yield (*key, len(its), min(moments), max(moments))


def _song_days(plays: list[dict[str, Any]]) -> Iterable[Row]:
    names = [
        (play["at"].date(), _meant(play["song"]), _meant(play["artist"]), play["length"])
        for play in plays
    ]
    return [(*key, count) for key, count in Counter(names).items()]


def _time(moment: datetime) -> Row:
    week, weekday = moment.isocalendar().week, moment.isoweekday() % 7
    return (moment, moment.hour, moment.day, week, moment.month, moment.year, weekday)


def _first_by(events: Iterable[dict[str, Any]], *, key: Any, order: Any) -> list[dict[str, Any]]:
    chosen: dict[Any, dict[str, Any]] = {}
    for event in sorted(events, key=order):
        chosen.setdefault(key(event), event)
    return list(chosen.values())


def _nulls_last(event: dict[str, Any], *fields: str) -> list[tuple[bool, Any]]:
    return [
        (event[field] is None, event[field] if event[field] is not None else 0) for field in fields
    ]


def _null_last_row(row: Row) -> list[tuple[bool, Any]]:
    return [(value is None, value if value is not None else 0) for value in row]
