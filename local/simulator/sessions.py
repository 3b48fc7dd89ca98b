"""One session of one user: which pages it visits, when, and the line each visit becomes."""

from collections.abc import Iterator
from typing import NamedTuple

from local.simulator.catalogue import Jukebox, Track
from local.simulator.chance import Chance
from local.simulator.pages import ANSWERS, METHOD_AND_STATUS, OUTSIDE, PLAY, page_after
from local.simulator.people import STRANGER, User

SECOND = 1000
LONGEST_LOOK = 240 * SECOND
STARTS_LOGGED_OUT = 0.08

SILENCE = Track("null", "null", "null", 0, "")


class Event(NamedTuple):
    """One event. The fields stand in the order by which an hour is sorted."""

    ts: int
    user: int
    """0 while logged out."""
    play: str
    """Empty unless a play; else whether it matches the catalogue, see ``Track``."""
    line: str


class Session:
    """
    One session, walked page by page.

    :param user: whose session; submitting an upgrade or a downgrade changes the level
    :param number: session id
    :param start: time of the first event
    :param jukebox: where the plays come from
    :param chance: what decides
    """

    def __init__(
        self, user: User, number: int, start: int, jukebox: Jukebox, chance: Chance
    ) -> None:
        self._user = user
        self._number = number
        self._ts = start
        self._jukebox = jukebox
        self._draw = chance.draw
        self._item = 0
        self._song_ends = 0

    def events(self) -> Iterator[Event]:
        """Walk the session and yield its events."""
        mood = "out" if self._draw() < STARTS_LOGGED_OUT else self._user.level
        page = page_after(OUTSIDE, mood, self._draw())
        while page != OUTSIDE:
            yield self._visit(page, mood)
            mood = self._mood_after(page, mood)
            page = page_after(page, mood, self._draw())
            self._wait_for(page)

    def _visit(self, page: str, mood: str) -> Event:
        track = SILENCE
        if page == PLAY:
            track = self._jukebox.next()
            self._song_ends = self._ts + track.millis
        user = 0 if mood == "out" else self._user.number
        event = Event(self._ts, user, track.match, self._line(page, mood, track))
        self._item += 1
        return event

    def _line(self, page: str, mood: str, track: Track) -> str:
        first_name, last_name, location, registration, user_agent = (
            STRANGER if mood == "out" else self._user.voice
        )
        method, status = METHOD_AND_STATUS[page]
        return (
            f'{{"artist":{track.artist},{first_name}{self._item}{last_name}{track.length}'
            f',"level":"{self._user.level}",{location}"{method}","page":"{page}",{registration}'
            f'{self._number},"song":{track.title},"status":{status},"ts":{self._ts},{user_agent}'
        )

    def _mood_after(self, page: str, mood: str) -> str:
        if page == "Logout":
            return "out"
        if page == "Submit Upgrade":
            self._user.level = "paid"
        elif page == "Submit Downgrade":
            self._user.level = "free"
        elif page != "Login":
            return mood
        return self._user.level

    def _wait_for(self, page: str) -> None:
        """Let a second or more pass; a song is heard to its end, whatever the user looks at."""
        if page in ANSWERS:
            self._ts += SECOND
        elif page == PLAY:
            self._ts = max(self._song_ends, self._ts + SECOND)
        else:
            draw = self._draw()
            self._ts += SECOND + int(draw * draw * LONGEST_LOOK)
