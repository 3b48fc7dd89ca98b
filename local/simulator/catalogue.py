"""The song catalogue, and the jukebox that plays songs from it and from outside it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from local.simulator.composer import Composer
from local.simulator.rng import Rng, Skewed
from local.simulator.serialization import event_value
from local.simulator.songs import Song
from local.simulator.world import World

MIN_UNKNOWN_TRACKS = 50
POPULARITY_FLATNESS = 5


class Track(NamedTuple):
    """A song as written in events."""

    artist: str
    title: str
    length: str
    millis: int
    """Time until the next play, in whole seconds."""
    match: str
    """``matched`` (in the catalogue), ``late`` (held back) or ``unmatched``."""


class Catalogue:
    """
    The songs of a world, with the two kinds of faults that affect songs.

    :param world: the parameters
    """

    def __init__(self, world: World) -> None:
        composer = Composer(Rng(world.seed, "songs"))
        songs = [composer.song() for _ in range(world.songs)]
        self.numbered = self._chosen(world, "wrong-types")
        for index in self.numbered:
            songs[index] = _named_by_number(songs[index], index)
        self.songs = songs
        self.held_back = self._chosen(world, "late-songs")

    @staticmethod
    def _chosen(world: World, fault: str) -> set[int]:
        if not world.rates.get(fault):
            return set()
        return Rng(world.seed, f"fault/{fault}/songs").some(world.songs, world.rates[fault])

    @property
    def delivered(self) -> list[Song]:
        """The songs in ``song_data``, that is, those not held back."""
        return [song for index, song in enumerate(self.songs) if index not in self.held_back]


class Jukebox:
    """
    Plays tracks by popularity, most of them from the catalogue.

    :param world: the parameters
    :param catalogue: songs of the catalogue
    """

    def __init__(self, world: World, catalogue: Catalogue) -> None:
        rng = Rng(world.seed, "jukebox")
        known = [song.match for song in catalogue.songs]
        delivered = {song.match for song in catalogue.delivered}
        self._known = Skewed(
            [
                _track(*match, "matched" if match in delivered else "late")
                for match in rng.shuffled(known)
            ],
            POPULARITY_FLATNESS,
        )
        self._unknown = Skewed(list(_unknown_tracks(world, set(known))), POPULARITY_FLATNESS)
        self._match_share = world.match_share
        self._draw = rng.draw

    def next(self) -> Track:
        """Return the next track to play."""
        tracks = self._known if self._draw() < self._match_share else self._unknown
        return tracks.at(self._draw())


def _track(title: str, artist: str, duration: float, match: str) -> Track:
    millis = int(duration) * 1000
    return Track(event_value(artist), event_value(title), event_value(duration), millis, match)


def _unknown_tracks(world: World, known: set[tuple[str, str, float]]) -> Iterator[Track]:
    composer = Composer(Rng(world.seed, "unknown songs"))
    for _ in range(max(MIN_UNKNOWN_TRACKS, world.songs)):
        match = composer.song().match
        if match not in known:
            yield _track(*match, "unmatched")


def _named_by_number(song: Song, index: int) -> Song:
    return replace(song, artist=replace(song.artist, name=10 + index * 37 % 9990))
