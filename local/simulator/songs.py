"""Songs and their artists, as in song files."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Artist:
    """An artist as in one song file; another may have a different name for the same id."""

    artist_id: str
    name: str | int
    location: str = ""
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True)
class Song:
    """The contents of a song file, and the track id that names it."""

    track_id: str
    song_id: str
    title: str
    artist: Artist
    duration: float
    year: int

    @property
    def path(self) -> str:
        """The path of its file in the source."""
        return f"song_data/{'/'.join(self.track_id[2:5])}/{self.track_id}.json"

    @property
    def match(self) -> tuple[str, str, float]:
        """The title, artist and duration that its plays carry."""
        return self.title, str(self.artist.name), self.duration

    def fields(self) -> dict[str, object]:
        """Return the fields of the file in order."""
        return {
            "num_songs": 1,
            "artist_id": self.artist.artist_id,
            "artist_latitude": self.artist.latitude,
            "artist_longitude": self.artist.longitude,
            "artist_location": self.artist.location,
            "artist_name": self.artist.name,
            "song_id": self.song_id,
            "title": self.title,
            "duration": self.duration,
            "year": self.year,
        }
