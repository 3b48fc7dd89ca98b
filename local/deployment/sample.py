"""The simulated source that is loaded where none is named, written into a folder."""

import shutil
import sys
from datetime import date
from pathlib import Path

from local.simulator import World, simulate

SAMPLE = World(start=date(2018, 11, 1), days=30, users=96, songs=500, seed=1)


def make_sample(folder: Path) -> None:
    """Simulate the sample where it is not there yet."""
    if folder.exists():
        return
    # Under another name: what an interrupted run leaves must not be taken for it.
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    simulate(unfinished, SAMPLE)
    unfinished.rename(folder)


if __name__ == "__main__":
    make_sample(Path(sys.argv[1]))
