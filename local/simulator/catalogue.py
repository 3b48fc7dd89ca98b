"""The catalogue that is written, and the jukebox that plays from it and from beyond it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from local.simulator.chance import Chance, Skewed
from local.simulator.composer import Composer
from local.simulator.form import event_value
from local.simulator.songs import Song
from local.simulator.world import World

FEWEST_UNKNOWN_TRACKS = 50
POPULARITY_FLATNESS = 5


class Track(NamedTuple):
    """A song as events write it."""

    artist: str
    title: str
    length: str
    millis: int
    """The time until the next play: whole seconds."""
    match: str
    """``matched``: in the catalogue; ``late``: in its held-back part; ``unmatched``."""


class Catalogue:
    """
    The songs of a world.

    :param world: the parameters; two of its faults lie in the catalogue
    """

    def __init__(self, world: World) -> None:
        composer = Composer(Chance(world.seed, "songs"))
        songs = [composer.song() for _ in range(world.songs)]
        self.numbered = self._chosen(world, "wrong-types")
        for index in self.numbered:
            songs[index] = _named_by_number(songs[index], index)
        self.songs = songs
        self.held = self._chosen(world, "late-songs")

    @staticmethod
    def _chosen(world: World, fault: str) -> set[int]:
        if not world.rates.get(fault):
            return set()
        return Chance(world.seed, f"fault/{fault}/songs").some(world.songs, world.rates[fault])

    @property
    def delivered(self) -> list[Song]:
        """The songs in ``song_data``, without those held back."""
        return [song for index, song in enumerate(self.songs) if index not in self.held]


class Jukebox:
    """
    Plays tracks by popularity, most of them songs of the catalogue.

    :param world: the parameters
    :param catalogue: its songs
    """

    def __init__(self, world: World, catalogue: Catalogue) -> None:
        chance = Chance(world.seed, "jukebox")
        known = [song.match for song in catalogue.songs]
        delivered = {song.match for song in catalogue.delivered}
        self._known = Skewed(
            [
                _track(*match, "matched" if match in delivered else "late")
                for match in chance.shuffled(known)
            ],
            POPULARITY_FLATNESS,
        )
        self._unknown = Skewed(list(_unknown_tracks(world, set(known))), POPULARITY_FLATNESS)
        self._match_share = world.match_share
        self._draw = chance.draw

    def next(self) -> Track:
        """Return the next track to play."""
        tracks = self._known if self._draw() < self._match_share else self._unknown
        return tracks.at(self._draw())


def _track(title: str, artist: str, duration: float, match: str) -> Track:
    millis = int(duration) * 1000
    return Track(event_value(artist), event_value(title), event_value(duration), millis, match)


def _unknown_tracks(world: World, known: set[tuple[str, str, float]]) -> Iterator[Track]:
    composer = Composer(Chance(world.seed, "unknown songs"))
    for _ in range(max(FEWEST_UNKNOWN_TRACKS, world.songs)):
        match = composer.song().match
        if match not in known:
            yield _track(*match, "unmatched")


def _named_by_number(song: Song, index: int) -> Song:
    return replace(song, artist=replace(song.artist, name=10 + index * 37 % 9990))
