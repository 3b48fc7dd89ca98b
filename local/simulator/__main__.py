"""Write a simulated source: ``python -m local.simulator OUT``."""

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from local.simulator.simulate import Report, simulate
from local.simulator.world import FAULTS, World
from local.simulator.written import Written


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        world = _world(options)
        shown = options.progress or sys.stderr.isatty()
        written = simulate(options.out, world, _progress(world.days) if shown else None)
    except (ValueError, OSError) as error:
        print(f"Cannot simulate this: {_sentence(error)}", file=sys.stderr)
        return 2
    print(_summary(options.out, world, written))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.simulator",
        description="Write events and songs of a simulated app, as the public Sparkify data.",
    )
    add = parser.add_argument
    usual = World()
    add("out", type=Path, metavar="OUT", help="a new or empty folder")
    add("--start", default=str(usual.start), metavar="DATE", help="first UTC day (%(default)s)")
    add("--days", type=int, default=usual.days, help="number of days (%(default)s)")
    add("--users", type=int, default=usual.users, help="number of users (%(default)s)")
    add("--songs", type=int, default=usual.songs, help="songs in the catalogue (%(default)s)")
    add("--events", type=int, help="approximate number of events (what so many users make)")
    add("--seed", type=int, default=usual.seed, help="same seed, same bytes (%(default)s)")
    share = "share of plays whose song is in the catalogue (%(default)s)"
    add("--match-share", type=float, default=usual.match_share, help=share)
    kinds = f"faults to put in: all, {', '.join(FAULTS)}"
    add("--faults", default="", metavar="KIND[=RATE],…", help=kinds)
    rate = "share of the lines or songs a fault meets, unless given with it (%(default)s)"
    add("--fault-rate", type=float, default=usual.fault_rate, help=rate)
    add("--progress", action="store_true", help="show progress even if this is not a terminal")
    return parser


def _world(options: argparse.Namespace) -> World:
    return World(
        start=_date(options.start),
        days=options.days,
        users=options.users,
        songs=options.songs,
        events=options.events,
        seed=options.seed,
        faults=tuple(word.strip() for word in options.faults.split(",") if word.strip()),
        fault_rate=options.fault_rate,
        match_share=options.match_share,
    )


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"The start must be a date like 2018-11-01, not {text!r}.") from None


def _progress(days: int) -> Report:
    def show(day: int, events: int) -> None:
        end = "\n" if day == days else ""
        print(f"\rDay {day:,} of {days:,}: {events:,} events", end=end, file=sys.stderr, flush=True)

    return show


def _sentence(error: ValueError | OSError) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}."
    return str(error)


def _summary(out: Path, world: World, written: Written) -> str:
    sentence = (
        f"Wrote {written.events:,} events ({written.plays:,} plays) by {written.users:,} users "
        f"in {len(written.event_files):,} files, and {written.songs:,} songs, "
        f"to {out} with seed {world.seed}"
    )
    faults = ", ".join(f"{count:,} {kind}" for kind, count in sorted(written.counts.items()))
    return f"{sentence}; faults: {faults}." if faults else f"{sentence}."


if __name__ == "__main__":
    sys.exit(main())
