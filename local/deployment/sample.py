"""The simulated source that is loaded by default."""

import shutil
import sys
from datetime import date
from pathlib import Path

from local.simulator import World, simulate

SAMPLE = World(start=date(2018, 11, 1), days=30, users=96, songs=500, seed=1)


def make_sample(folder: Path) -> None:
    """Simulate the sample unless it exists."""
    if folder.exists():
        return
    # Renamed when complete, so that an interrupted run leaves no partial sample.
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    simulate(unfinished, SAMPLE)
    unfinished.rename(folder)


if __name__ == "__main__":
    make_sample(Path(sys.argv[1]))
