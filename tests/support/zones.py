"""Worlds whose files are cut on the clocks of a zone, and hold lines of other times too."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.support.sources import play

ZONES = {
    "UTC": datetime(2018, 11, 15),
    "America/Los_Angeles": datetime(2018, 11, 4),
    "Europe/Berlin": datetime(2018, 3, 25),
    "Asia/Kolkata": datetime(2018, 11, 15),
    "Australia/Lord_Howe": datetime(2018, 4, 1),
}
"""Zones, and a day in each: of 25, 23, and 24 and a half hours where the clocks change."""

World = tuple[str, dict[str, list[dict[str, Any]]]]
"""A zone, and the events of each day's file."""


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A zone, and three days' files: most lines are their own day's, some are anything."""
    zone = draw(st.sampled_from(list(ZONES)))
    files: dict[str, list[dict[str, Any]]] = {}
    for number in range(-1, 2):
        day = ZONES[zone] + timedelta(days=number)
        begin = day.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        its = files[f"{day:%Y-%m-%d}"] = []
        for item in range(draw(st.integers(0, 4))):
            hours = draw(
                st.sampled_from([0, 0.01, 1, 12, 23, 23.6, -0.01, -1, -23, 24, 25, 30, -60])
            )
            # Milliseconds past the full, so that no two events are one.
            at = begin + timedelta(hours=hours, milliseconds=item + 10 * number + 10)
            its.append(play(f"{at:%Y-%m-%d %H:%M:%S.%f}", itemInSession=item))
    return zone, files
