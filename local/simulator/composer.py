"""Random songs and artists, composed from the word lists."""

from dataclasses import replace

from local.simulator import words
from local.simulator.rng import Rng
from local.simulator.songs import Artist, Song

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
HEX = "0123456789ABCDEF"
SONGS_PER_FOLDER = 22

KNOWN_ARTIST_SHARE = 0.35
REISSUE_SHARE = 0.01
CREDIT_SHARE = 0.25
MOVED_SHARE = 0.3
LOCATION_SHARE = 0.6
COORDINATES_SHARE = 0.73
YEAR_SHARE = 0.4


class Composer:
    """
    Creates songs, some of them by an artist of an earlier song.

    :param rng: source of randomness
    """

    def __init__(self, rng: Rng) -> None:
        self._rng = rng
        self._artists: list[Artist] = []
        self._songs: list[Song] = []
        self._taken: set[str] = set()

    def song(self) -> Song:
        """Return a new song; rarely a reissue, which differs only in its ids and year."""
        song = Song(
            track_id=f"TR{self._folder()}{self._unique(LETTERS, 2, '128F', 7)}",
            song_id=f"SO{self._unique(LETTERS, 5, '12A8C', 6)}",
            title=self._title(),
            artist=self._artist(),
            duration=self._duration(),
            year=1955 + self._rng.below(56) if self._rng.happens(YEAR_SHARE) else 0,
        )
        if self._songs and self._rng.happens(REISSUE_SHARE):
            first = self._rng.pick(self._songs)
            song = replace(song, title=first.title, artist=first.artist, duration=first.duration)
        self._songs.append(song)
        return song

    def _folder(self) -> str:
        number = len(self._songs) // SONGS_PER_FOLDER
        return "".join(LETTERS[number // 26**place % 26] for place in (2, 1, 0))

    def _unique(self, alphabet: str, length: int, middle: str, digits: int) -> str:
        while True:
            head = "".join(self._rng.pick(alphabet) for _ in range(length))
            tail = "".join(self._rng.pick(HEX) for _ in range(digits))
            identifier = f"{head}{middle}{tail}"
            if identifier not in self._taken:
                self._taken.add(identifier)
                return identifier

    def _duration(self) -> float:
        """Return 30 s to 10 min with five decimals, which survive a round trip through a float."""
        typical = self._rng.draw() + self._rng.draw()
        epic = self._rng.draw() * self._rng.draw()
        return (3_000_000 + int((typical + epic) * 19_000_000)) / 100_000

    def _artist(self) -> Artist:
        rng = self._rng
        if self._artists and rng.happens(KNOWN_ARTIST_SHARE):
            artist = rng.pick(self._artists)
            if rng.happens(CREDIT_SHARE):
                artist = replace(artist, name=self._credit(artist))
            return self._placed(artist) if rng.happens(MOVED_SHARE) else artist
        artist_id = f"AR{self._unique(LETTERS + '0123456789', 5, '1187B', 6)}"
        artist = self._placed(Artist(artist_id, self._artist_name()))
        self._artists.append(artist)
        return artist

    def _placed(self, artist: Artist) -> Artist:
        rng = self._rng
        location, latitude, longitude = rng.pick(words.PLACES)
        if not rng.happens(LOCATION_SHARE):
            return replace(artist, location="", latitude=None, longitude=None)
        if not rng.happens(COORDINATES_SHARE):
            return replace(artist, location=location, latitude=None, longitude=None)
        return replace(artist, location=location, latitude=latitude, longitude=longitude)

    def _credit(self, artist: Artist) -> str:
        guest = self._artist_name()
        form = self._rng.pick(("{} / {}", "{} feat. {}", "{} Featuring {}", "{};{}"))
        return form.format(artist.name, guest)

    def _artist_name(self) -> str:
        rng = self._rng
        adjective, noun = rng.pick(words.ADJECTIVES), rng.pick(words.NOUNS)
        first_name = rng.pick(words.FIRST_NAMES_F + words.FIRST_NAMES_M)
        person = f"{first_name} {rng.pick(words.LAST_NAMES)}"
        forms = (
            f"The {adjective} {noun}s",
            f"{adjective} {noun}",
            person,
            f"{person} & The {noun}s",
            f"{noun} {rng.pick(words.BANDS)}",
        )
        return rng.pick(forms)

    def _title(self) -> str:
        rng = self._rng
        adjective, noun, other = (
            rng.pick(words.ADJECTIVES),
            rng.pick(words.NOUNS),
            rng.pick(words.NOUNS),
        )
        forms = (
            f"{adjective} {noun}",
            f"The {noun} Of The {other}",
            f"{rng.pick(words.VERBS)} My {noun}",
            f"Don't {rng.pick(words.VERBS)} The {adjective} {noun}",
            f"{noun} / {other}",
        )
        title = rng.pick(forms)
        return f"{title} ({rng.pick(words.EDITIONS)})" if rng.happens(0.2) else title
