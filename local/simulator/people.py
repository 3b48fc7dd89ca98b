"""The users, each with the unchanging parts of its event lines written out once."""

from dataclasses import dataclass
from typing import NamedTuple

from local.simulator import words
from local.simulator.chance import Chance
from local.simulator.form import event_value
from local.simulator.world import MILLIS_PER_DAY, World

PAID_SHARE = 0.15
OLDEST_REGISTRATION_DAYS = 120


class Voice(NamedTuple):
    """The parts of a line that tell who speaks, in the order in which they stand in it."""

    first_name: str
    last_name: str
    location: str
    registration: str
    user_agent: str


def _voice(
    auth: str,
    names: tuple[str | None, str | None],
    gender: str | None,
    location: str | None,
    registration: float | None,
    user_agent: str | None,
    user_id: str,
) -> Voice:
    first_name, last_name, sex, place, since, agent = map(
        event_value, (*names, gender, location, registration, user_agent)
    )
    return Voice(
        f'"auth":"{auth}","firstName":{first_name},"gender":{sex},"itemInSession":',
        f',"lastName":{last_name},"length":',
        f'"location":{place},"method":',
        f'"registration":{since},"sessionId":',
        f'"userAgent":{agent},"userId":"{user_id}"}}',
    )


STRANGER = _voice("Logged Out", (None, None), None, None, None, None, "")


@dataclass(slots=True)
class User:
    """One user; the level is the current one."""

    number: int
    voice: Voice
    level: str
    busy_until: int = 0


def population(world: World) -> list[User]:
    """Return all users, registered before the world opens."""
    chance = Chance(world.seed, "people")
    return [_user(number, world.opens_at, chance) for number in range(1, world.users + 1)]


def _user(number: int, before: int, chance: Chance) -> User:
    gender = chance.pick("FM")
    first_names = words.FIRST_NAMES_F if gender == "F" else words.FIRST_NAMES_M
    voice = _voice(
        "Logged In",
        (chance.pick(first_names), chance.pick(words.LAST_NAMES)),
        gender,
        _location(chance),
        float(before - 1 - chance.below(OLDEST_REGISTRATION_DAYS * MILLIS_PER_DAY)),
        _user_agent(chance),
        str(number),
    )
    return User(number, voice, "paid" if chance.happens(PAID_SHARE) else "free")


def _location(chance: Chance) -> str:
    """One to three towns and one or two states, as statistical areas are called."""
    towns = dict.fromkeys(chance.pick(words.TOWNS) for _ in range(1 + chance.below(3)))
    state_count = 1 if chance.happens(0.85) else 2
    states = dict.fromkeys(chance.pick(words.STATES) for _ in range(state_count))
    return f"{'-'.join(towns)}, {'-'.join(states)}"


def _user_agent(chance: Chance) -> str:
    """Quoted once more unless it is a Firefox, as in the public data."""
    system = chance.pick(words.SYSTEMS)
    if chance.happens(0.25):
        version = 28 + chance.below(5)
        return f"Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"
    browser = chance.pick(words.BROWSERS)
    engine = browser.rpartition("/")[2]
    return f'"Mozilla/5.0 ({system}) AppleWebKit/{engine} (KHTML, like Gecko) {browser}"'
