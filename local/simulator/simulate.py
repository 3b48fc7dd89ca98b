"""Simulate a world hour by hour and write it day by day."""

from collections.abc import Callable
from pathlib import Path

from local.simulator.catalogue import Catalogue, Jukebox
from local.simulator.crowd import Crowd
from local.simulator.faults import FaultInjector
from local.simulator.files import DayFile, create_folder, write_field_map, write_songs
from local.simulator.ground_truth import Fault, GroundTruth, Tally
from local.simulator.world import World

Report = Callable[[int, int], None]
"""Called with the number of days written and of the events in them."""


def simulate(out: Path, world: World, report: Report | None = None) -> GroundTruth:
    """
    Write a simulated source into a new or empty folder.

    Memory holds one hour of events and the running sessions. Sessions are cut off at the end of
    the last day.

    :param out: output folder
    :param world: what to simulate
    :param report: called after each day
    """
    create_folder(out)
    catalogue = Catalogue(world)
    faults = write_songs(out, catalogue)
    write_field_map(out)
    days, tally = _write_events(out, world, Jukebox(world, catalogue), report)
    return _ground_truth(catalogue, days, tally, faults)


def _write_events(
    out: Path, world: World, jukebox: Jukebox, report: Report | None
) -> tuple[list[DayFile], Tally]:
    crowd = Crowd(world, jukebox)
    injector = FaultInjector(world)
    tally = Tally()
    days = []
    for number, date in enumerate(world.dates):
        with DayFile(out, date) as day:
            for hour in range(number * 24, number * 24 + 24):
                batch = injector.inject(crowd.events_of(hour))
                day.write(batch)
                tally.add(batch.events)
        days.append(day)
        if report:
            report(number + 1, tally.events)
    return days, tally


def _ground_truth(
    catalogue: Catalogue, days: list[DayFile], tally: Tally, song_faults: list[Fault]
) -> GroundTruth:
    songs = catalogue.delivered
    return GroundTruth(
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
