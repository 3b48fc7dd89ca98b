"""All users: the sessions that start in an hour, and the hour's events in order."""

from collections import defaultdict
from itertools import accumulate

from local.simulator.catalogue import Jukebox
from local.simulator.people import User, population
from local.simulator.rng import Rng, Skewed
from local.simulator.sessions import Event, Session
from local.simulator.world import MILLIS_PER_HOUR, World

# Relative activity in each UTC hour.
WORKDAY = (9, 8, 6, 5, 6, 8, 9, 10, 11, 13, 15, 17, 17, 19, 23, 26, 28, 27, 26, 21, 18, 15, 12, 10)
WEEKEND = (10, 9, 7, 5, 4, 4, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 15, 14, 13, 11, 9, 7, 6, 6)
SATURDAY = 5

EXPECTED_SESSION_LENGTH = 8
EXPECTED_SESSIONS = 50
REST_BETWEEN_SESSIONS = 10 * 60 * 1000
IDLE_USER_TRIES = 8
POPULARITY_FLATNESS = 15


class Crowd:
    """
    The users, simulated hour by hour; sessions start at the rate that yields the wanted events.

    :param world: the parameters
    :param jukebox: source of the plays
    """

    def __init__(self, world: World, jukebox: Jukebox) -> None:
        self._opens_at = world.opens_at
        self._wanted = world.wanted
        self._jukebox = jukebox
        self._rng = Rng(world.seed, "crowd")
        self._users = Skewed(population(world), POPULARITY_FLATNESS)
        self._made_by = _running_shares(world)
        self._to_come: dict[int, list[Event]] = defaultdict(list)
        self._sessions = 0
        self._walked = 0
        self._made = 0

    def events_of(self, hour: int) -> list[Event]:
        """Simulate the sessions that start in an hour and return the hour's events in order."""
        for start in self._starts(hour):
            user = self._idle_user(start)
            if user:
                self._open(user, start)
        return sorted(self._to_come.pop(hour, ()))

    def _starts(self, hour: int) -> list[int]:
        missing = self._wanted * self._made_by[hour] - self._made
        length = (self._walked + EXPECTED_SESSIONS * EXPECTED_SESSION_LENGTH) / (
            self._sessions + EXPECTED_SESSIONS
        )
        opens = self._opens_at + hour * MILLIS_PER_HOUR
        number = int(max(0, missing) / length + self._rng.draw())
        return sorted(opens + self._rng.below(MILLIS_PER_HOUR) for _ in range(number))

    def _idle_user(self, moment: int) -> User | None:
        for _ in range(IDLE_USER_TRIES):
            user = self._users.at(self._rng.draw())
            if user.busy_until < moment:
                return user
        return None

    def _open(self, user: User, start: int) -> None:
        self._sessions += 1
        ts = start
        for event in Session(user, self._sessions, start, self._jukebox, self._rng).events():
            ts = event.ts
            self._walked += 1
            hour = (ts - self._opens_at) // MILLIS_PER_HOUR
            if hour < len(self._made_by):
                self._made += 1
                self._to_come[hour].append(event)
        user.busy_until = ts + REST_BETWEEN_SESSIONS


def _running_shares(world: World) -> list[float]:
    """Return, for each hour, the share of all events that should have started by its end."""
    weights = [
        weight
        for day in world.dates
        for weight in (WEEKEND if day.weekday() >= SATURDAY else WORKDAY)
    ]
    return [running / sum(weights) for running in accumulate(weights)]
