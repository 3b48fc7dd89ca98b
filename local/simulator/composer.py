"""New songs and artists, put together from the word lists."""

from dataclasses import replace

from local.simulator import words
from local.simulator.chance import Chance
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
    Makes songs, one after the other; some by an artist it has used before.

    :param chance: what decides
    """

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._artists: list[Artist] = []
        self._songs: list[Song] = []
        self._taken: set[str] = set()

    def song(self) -> Song:
        """Return a new song; rarely a reissue, the same but for its ids and year."""
        song = Song(
            track_id=f"TR{self._folder()}{self._unique(LETTERS, 2, '128F', 7)}",
            song_id=f"SO{self._unique(LETTERS, 5, '12A8C', 6)}",
            title=self._title(),
            artist=self._artist(),
            duration=self._duration(),
            year=1955 + self._chance.below(56) if self._chance.happens(YEAR_SHARE) else 0,
        )
        if self._songs and self._chance.happens(REISSUE_SHARE):
            first = self._chance.pick(self._songs)
            song = replace(song, title=first.title, artist=first.artist, duration=first.duration)
        self._songs.append(song)
        return song

    def _folder(self) -> str:
        number = len(self._songs) // SONGS_PER_FOLDER
        return "".join(LETTERS[number // 26**place % 26] for place in (2, 1, 0))

    def _unique(self, alphabet: str, length: int, middle: str, digits: int) -> str:
        while True:
            head = "".join(self._chance.pick(alphabet) for _ in range(length))
            tail = "".join(self._chance.pick(HEX) for _ in range(digits))
            identifier = f"{head}{middle}{tail}"
            if identifier not in self._taken:
                self._taken.add(identifier)
                return identifier

    def _duration(self) -> float:
        """30 s to 10 min, to five decimals: the nearest float is then written as it was made."""
        usual = self._chance.draw() + self._chance.draw()
        epic = self._chance.draw() * self._chance.draw()
        return (3_000_000 + int((usual + epic) * 19_000_000)) / 100_000

    def _artist(self) -> Artist:
        chance = self._chance
        if self._artists and chance.happens(KNOWN_ARTIST_SHARE):
            artist = chance.pick(self._artists)
            if chance.happens(CREDIT_SHARE):
                artist = replace(artist, name=self._credit(artist))
            return self._placed(artist) if chance.happens(MOVED_SHARE) else artist
        artist_id = f"AR{self._unique(LETTERS + '0123456789', 5, '1187B', 6)}"
        artist = self._placed(Artist(artist_id, self._artist_name()))
        self._artists.append(artist)
        return artist

    def _placed(self, artist: Artist) -> Artist:
        chance = self._chance
        location, latitude, longitude = chance.pick(words.PLACES)
        if not chance.happens(LOCATION_SHARE):
            return replace(artist, location="", latitude=None, longitude=None)
        if not chance.happens(COORDINATES_SHARE):
            return replace(artist, location=location, latitude=None, longitude=None)
        return replace(artist, location=location, latitude=latitude, longitude=longitude)

    def _credit(self, artist: Artist) -> str:
        guest = self._artist_name()
        form = self._chance.pick(("{} / {}", "{} feat. {}", "{} Featuring {}", "{};{}"))
        return form.format(artist.name, guest)

    def _artist_name(self) -> str:
        chance = self._chance
        adjective, noun = chance.pick(words.ADJECTIVES), chance.pick(words.NOUNS)
        first_name = chance.pick(words.FIRST_NAMES_F + words.FIRST_NAMES_M)
        person = f"{first_name} {chance.pick(words.LAST_NAMES)}"
        forms = (
            f"The {adjective} {noun}s",
            f"{adjective} {noun}",
            person,
            f"{person} & The {noun}s",
            f"{noun} {chance.pick(words.BANDS)}",
        )
        return chance.pick(forms)

    def _title(self) -> str:
        chance = self._chance
        adjective, noun, other = (
            chance.pick(words.ADJECTIVES),
            chance.pick(words.NOUNS),
            chance.pick(words.NOUNS),
        )
        forms = (
            f"{adjective} {noun}",
            f"The {noun} Of The {other}",
            f"{chance.pick(words.VERBS)} My {noun}",
            f"Don't {chance.pick(words.VERBS)} The {adjective} {noun}",
            f"{noun} / {other}",
        )
        title = chance.pick(forms)
        return f"{title} ({chance.pick(words.EDITIONS)})" if chance.happens(0.2) else title
