"""A whole world, simulated hour by hour and written day by day."""

from collections.abc import Callable
from pathlib import Path

from local.simulator.catalogue import Catalogue, Jukebox
from local.simulator.crowd import Crowd
from local.simulator.faults import Spoiler
from local.simulator.files import DayFile, claim, write_field_map, write_songs
from local.simulator.world import World
from local.simulator.written import Fault, Tally, Written

Report = Callable[[int, int], None]
"""Told the number of days written and the number of events in them."""


def simulate(out: Path, world: World, report: Report | None = None) -> Written:
    """
    Write a simulated source into a new or empty folder.

    Only the events of one hour are held at a time, and those of running sessions. A session that
    runs on past the last day is cut there.

    :param out: the folder
    :param world: what to simulate
    :param report: called after every day
    """
    claim(out)
    catalogue = Catalogue(world)
    faults = write_songs(out, catalogue)
    write_field_map(out)
    days, tally = _write_events(out, world, Jukebox(world, catalogue), report)
    return _written(catalogue, days, tally, faults)


def _write_events(
    out: Path, world: World, jukebox: Jukebox, report: Report | None
) -> tuple[list[DayFile], Tally]:
    crowd = Crowd(world, jukebox)
    spoiler = Spoiler(world)
    tally = Tally()
    days = []
    for number, date in enumerate(world.dates):
        with DayFile(out, date) as day:
            for hour in range(number * 24, number * 24 + 24):
                batch = spoiler.spoil(crowd.events_of(hour))
                day.write(batch)
                tally.add(batch.events)
        days.append(day)
        if report:
            report(number + 1, tally.events)
    return days, tally


def _written(
    catalogue: Catalogue, days: list[DayFile], tally: Tally, song_faults: list[Fault]
) -> Written:
    songs = catalogue.delivered
    return Written(
        event_files=tuple(day.name for day in days),
        song_files=tuple(song.path for song in songs),
        lines=sum(day.lines for day in days),
        events=tally.events,
        plays=tally.plays.total(),
        users=len(tally.users),
        listeners=len(tally.listeners),
        start_times=tally.start_times,
        songs=len(songs),
        artists=len({song.artist.artist_id for song in songs}),
        matched=tally.plays["matched"],
        matched_late=tally.plays["late"],
        matched_repaired=tally.plays["garbled"],
        faults=(*(fault for day in days for fault in day.faults), *song_faults),
    )
