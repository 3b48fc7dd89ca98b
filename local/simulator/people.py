"""The users, each with the constant parts of its event lines."""

from dataclasses import dataclass
from typing import NamedTuple

from local.simulator import words
from local.simulator.rng import Rng
from local.simulator.serialization import event_value
from local.simulator.world import MILLIS_PER_DAY, World

PAID_SHARE = 0.15
OLDEST_REGISTRATION_DAYS = 120


class UserFields(NamedTuple):
    """The parts of a line that identify the user, in order."""

    first_name: str
    last_name: str
    location: str
    registration: str
    user_agent: str


def _user_fields(
    auth: str,
    names: tuple[str | None, str | None],
    gender: str | None,
    location: str | None,
    registration: float | None,
    user_agent: str | None,
    user_id: str,
) -> UserFields:
    first_name, last_name, sex, place, since, agent = map(
        event_value, (*names, gender, location, registration, user_agent)
    )
    return UserFields(
        f'"auth":"{auth}","firstName":{first_name},"gender":{sex},"itemInSession":',
        f',"lastName":{last_name},"length":',
        f'"location":{place},"method":',
        f'"registration":{since},"sessionId":',
        f'"userAgent":{agent},"userId":"{user_id}"}}',
    )


LOGGED_OUT = _user_fields("Logged Out", (None, None), None, None, None, None, "")


@dataclass(slots=True)
class User:
    """A user and its current level."""

    number: int
    fields: UserFields
    level: str
    busy_until: int = 0


def population(world: World) -> list[User]:
    """Return all users, who registered before the world's first event."""
    rng = Rng(world.seed, "people")
    return [_user(number, world.opens_at, rng) for number in range(1, world.users + 1)]


def _user(number: int, before: int, rng: Rng) -> User:
    gender = rng.pick("FM")
    first_names = words.FIRST_NAMES_F if gender == "F" else words.FIRST_NAMES_M
    fields = _user_fields(
        "Logged In",
        (rng.pick(first_names), rng.pick(words.LAST_NAMES)),
        gender,
        _location(rng),
        float(before - 1 - rng.below(OLDEST_REGISTRATION_DAYS * MILLIS_PER_DAY)),
        _user_agent(rng),
        str(number),
    )
    return User(number, fields, "paid" if rng.happens(PAID_SHARE) else "free")


def _location(rng: Rng) -> str:
    """Return the name of a statistical area: one to three towns, one or two states."""
    towns = dict.fromkeys(rng.pick(words.TOWNS) for _ in range(1 + rng.below(3)))
    state_count = 1 if rng.happens(0.85) else 2
    states = dict.fromkeys(rng.pick(words.STATES) for _ in range(state_count))
    return f"{'-'.join(towns)}, {'-'.join(states)}"


def _user_agent(rng: Rng) -> str:
    """Return a user agent; as in the public data, only Firefox's has no extra quotes."""
    system = rng.pick(words.SYSTEMS)
    if rng.happens(0.25):
        version = 28 + rng.below(5)
        return f"Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"
    browser = rng.pick(words.BROWSERS)
    engine = browser.rpartition("/")[2]
    return f'"Mozilla/5.0 ({system}) AppleWebKit/{engine} (KHTML, like Gecko) {browser}"'
