"""A user's session: the pages visited, when, and the resulting lines."""

from collections.abc import Iterator
from typing import NamedTuple

from local.simulator.catalogue import Jukebox, Track
from local.simulator.pages import METHOD_AND_STATUS, OUTSIDE, PLAY, REDIRECTS, page_after
from local.simulator.people import LOGGED_OUT, User
from local.simulator.rng import Rng

SECOND = 1000
MAX_PAGE_TIME = 240 * SECOND
LOGGED_OUT_SHARE = 0.08

NO_TRACK = Track("null", "null", "null", 0, "")


class Event(NamedTuple):
    """An event; the order of its fields is the sort order of events."""

    ts: int
    user: int
    """0 while logged out."""
    play: str
    """For a play, whether it matches the catalogue (see ``Track``); otherwise empty."""
    line: str


class Session:
    """
    A session, simulated page by page.

    :param user: user of the session; an upgrade or a downgrade changes the level
    :param number: session id
    :param start: time of the first event
    :param jukebox: source of the plays
    :param rng: source of randomness
    """

    def __init__(self, user: User, number: int, start: int, jukebox: Jukebox, rng: Rng) -> None:
        self._user = user
        self._number = number
        self._ts = start
        self._jukebox = jukebox
        self._draw = rng.draw
        self._item = 0
        self._song_ends = 0

    def events(self) -> Iterator[Event]:
        """Simulate the session and yield its events."""
        state = "out" if self._draw() < LOGGED_OUT_SHARE else self._user.level
        page = page_after(OUTSIDE, state, self._draw())
        while page != OUTSIDE:
            yield self._visit(page, state)
            state = self._state_after(page, state)
            page = page_after(page, state, self._draw())
            self._wait_for(page)

    def _visit(self, page: str, state: str) -> Event:
        track = NO_TRACK
        if page == PLAY:
            track = self._jukebox.next()
            self._song_ends = self._ts + track.millis
        user = 0 if state == "out" else self._user.number
        event = Event(self._ts, user, track.match, self._line(page, state, track))
        self._item += 1
        return event

    def _line(self, page: str, state: str, track: Track) -> str:
        first_name, last_name, location, registration, user_agent = (
            LOGGED_OUT if state == "out" else self._user.fields
        )
        method, status = METHOD_AND_STATUS[page]
        return (
            f'{{"artist":{track.artist},{first_name}{self._item}{last_name}{track.length}'
            f',"level":"{self._user.level}",{location}"{method}","page":"{page}",{registration}'
            f'{self._number},"song":{track.title},"status":{status},"ts":{self._ts},{user_agent}'
        )

    def _state_after(self, page: str, state: str) -> str:
        if page == "Logout":
            return "out"
        if page == "Submit Upgrade":
            self._user.level = "paid"
        elif page == "Submit Downgrade":
            self._user.level = "free"
        elif page != "Login":
            return state
        return self._user.level

    def _wait_for(self, page: str) -> None:
        """Advance the time by a second or more; songs play to their end on any page."""
        if page in REDIRECTS:
            self._ts += SECOND
        elif page == PLAY:
            self._ts = max(self._song_ends, self._ts + SECOND)
        else:
            draw = self._draw()
            self._ts += SECOND + int(draw * draw * MAX_PAGE_TIME)
