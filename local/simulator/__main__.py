"""Write a simulated source: ``python -m local.simulator OUT``."""

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from local.simulator.ground_truth import GroundTruth
from local.simulator.simulate import Report, simulate
from local.simulator.world import FAULTS, World


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        world = _world(options)
        verbose = options.progress or sys.stderr.isatty()
        written = simulate(options.out, world, _progress(world.days) if verbose else None)
    except (ValueError, OSError) as error:
        print(f"Cannot simulate this: {_message(error)}", file=sys.stderr)
        return 2
    print(_summary(options.out, world, written))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.simulator",
        description="Write simulated events and songs in the format of the public Sparkify data.",
    )
    add = parser.add_argument
    default = World()
    add("out", type=Path, metavar="OUT", help="a new or empty folder")
    add("--start", default=str(default.start), metavar="DATE", help="first UTC day (%(default)s)")
    add("--days", type=int, default=default.days, help="number of days (%(default)s)")
    add("--users", type=int, default=default.users, help="number of users (%(default)s)")
    add("--songs", type=int, default=default.songs, help="songs in the catalogue (%(default)s)")
    add("--events", type=int, help="approximate number of events (from users and days)")
    add("--seed", type=int, default=default.seed, help="same seed, same bytes (%(default)s)")
    share = "share of plays whose song is in the catalogue (%(default)s)"
    add("--match-share", type=float, default=default.match_share, help=share)
    kinds = f"faults to inject: all, {', '.join(FAULTS)}"
    add("--faults", default="", metavar="KIND[=RATE],…", help=kinds)
    rate = "share of lines or songs with a fault, unless given per fault (%(default)s)"
    add("--fault-rate", type=float, default=default.fault_rate, help=rate)
    add("--progress", action="store_true", help="show progress even without a terminal")
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


def _message(error: ValueError | OSError) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}."
    return str(error)


def _summary(out: Path, world: World, written: GroundTruth) -> str:
    summary = (
        f"Wrote {written.events:,} events ({written.plays:,} plays) by {written.users:,} users "
        f"in {len(written.event_files):,} files, and {written.songs:,} songs, "
        f"to {out} with seed {world.seed}"
    )
    faults = ", ".join(f"{count:,} {kind}" for kind, count in sorted(written.counts.items()))
    return f"{summary}; faults: {faults}." if faults else f"{summary}."


if __name__ == "__main__":
    sys.exit(main())
