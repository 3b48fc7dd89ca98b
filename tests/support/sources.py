"""Small sources, written the way the app writes them, for tests that say what is in them."""

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from local.servers.s3 import Storage


def milliseconds(moment: str) -> int:
    """``2018-11-15 10:00:00.796`` as epoch milliseconds."""
    elapsed = datetime.fromisoformat(moment).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return round(elapsed / timedelta(milliseconds=1))


def play(at: str, **changes: Any) -> dict[str, Any]:
    """A play by user 1, with whatever the test wants otherwise."""
    event = {
        "artist": "The Testers",
        "auth": "Logged In",
        "firstName": "Ada",
        "gender": "F",
        "itemInSession": 0,
        "lastName": "Lovelace",
        "length": 200.5,
        "level": "free",
        "location": "London, UK",
        "method": "PUT",
        "page": "NextSong",
        "registration": 1540344794796.0,
        "sessionId": 1,
        "song": "First Light",
        "status": 200,
        "ts": milliseconds(at),
        "userAgent": '"Mozilla/5.0"',
        "userId": "1",
    }
    return event | changes


def visit(at: str, page: str = "Home", **changes: Any) -> dict[str, Any]:
    """An event of user 1 on a page that plays nothing."""
    nothing = {"artist": None, "length": None, "song": None, "method": "GET", "page": page}
    return play(at) | nothing | changes


def song(song_id: str, **changes: Any) -> dict[str, Any]:
    """A song of the catalogue that ``play`` matches."""
    record = {
        "num_songs": 1,
        "artist_id": "ARTEST01",
        "artist_latitude": None,
        "artist_longitude": None,
        "artist_location": "",
        "artist_name": "The Testers",
        "song_id": song_id,
        "title": "First Light",
        "duration": 200.5,
        "year": 0,
    }
    return record | changes


class TestSource:
    """A folder of a test's own."""

    __test__ = False

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return self.root.as_uri()

    def events(self, *events: dict[str, Any]) -> None:
        """Write the events' day files; those of other days stay."""
        days = defaultdict(list)
        for event in events:
            days[f"{datetime.fromtimestamp(event['ts'] / 1000, UTC):%Y-%m-%d}"].append(event)
        for day, its in days.items():
            self.lines(day, *(json.dumps(event) for event in its))

    def lines(self, day: str, *lines: str) -> Path:
        """Write a day's file from text."""
        path = self.root / f"log_data/{day[:4]}/{day[5:7]}/{day}-events.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines))
        return path

    def songs(self, *songs: dict[str, Any]) -> None:
        """Write one file a song."""
        for record in songs:
            self.song_text(record["song_id"], json.dumps(record))

    def song_text(self, name: str, text: str) -> Path:
        """Write one song file from text."""
        path = self.root / f"song_data/A/B/C/TR{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


class Bucket:
    """A bucket of a test's own, in a prefix of which the source is."""

    def __init__(self, storage: Storage, name: str) -> None:
        self.storage = storage
        self.name = name
        self.client = storage.client()

    @property
    def url(self) -> str:
        return f"s3://{self.name}/app"

    def put(self, name: str, content: str | bytes) -> None:
        """Write an object of the source."""
        body = content.encode() if isinstance(content, str) else content
        self.client.put_object(Bucket=self.name, Key=f"app/{name}", Body=body)

    def fill(self, source: TestSource) -> None:
        """Write what a folder holds."""
        self.storage.upload(source.root, self.name, "app/")
