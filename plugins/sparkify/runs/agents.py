"""The rows of ``user_agents``: what user agents say of browser, operating system and device."""

from typing import Any, NamedTuple

from sparkify.warehouse import insert_rows

COLUMNS = "user_agent, browser, operating_system, device"


class Agent(NamedTuple):
    """A row of ``user_agents``."""

    user_agent: str
    browser: str | None
    operating_system: str | None
    device: str | None

    @classmethod
    def of(cls, user_agent: str) -> "Agent":
        """Parse a user agent, which the app may deliver in quotation marks."""
        # Imported here, because its rules take a while to load and few runs meet a new agent.
        from ua_parser import parse

        found = parse(user_agent.strip('"'))
        parts = (found.user_agent, found.os, found.device)
        return cls(user_agent, *(part.family if part else None for part in parts))


def add_agents(cursor: Any, on: str, select: str) -> int:
    """
    Add the user agents that a SELECT returns; return how many.

    A row depends on the user agent alone, so it is correct whichever run adds it.
    """
    cursor.execute(select)
    agents = [Agent.of(user_agent) for (user_agent,) in cursor.fetchall()]
    if agents:
        insert_rows(on, cursor, "user_agents", COLUMNS, agents)
    return len(agents)
