"""A backfill on its way: looked at until every window's run has ended."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.exc import DBAPIError

from sparkify.cli.windows import Run, Window

PAUSE = 1.0
# Looking may take this share of the time at most, however many windows there are.
SHARE = 0.1

Runs = Mapping[datetime, Run]


@dataclass(frozen=True)
class Progress:
    """How far a backfill is."""

    succeeded: int = 0
    failed: int = 0
    running: int = 0
    waiting: int = 0
    elapsed: float = 0.0
    left: float | None = None
    """An estimate in seconds, once there is something to base it on."""
    obstacle: str = ""
    """Why it does not go on, and what to do."""

    @classmethod
    def of(cls, windows: Sequence[Window], runs: Runs) -> "Progress":
        """The tally of the windows' runs."""
        states = [runs[w.logical_date].state if w.logical_date in runs else "" for w in windows]
        succeeded, running = states.count("success"), states.count("running")
        waiting = states.count("queued")
        # A run that was deleted meanwhile did not load its window either.
        failed = len(windows) - succeeded - running - waiting
        return cls(succeeded, failed, running, waiting)

    @property
    def done(self) -> int:
        """How many runs have ended."""
        return self.succeeded + self.failed

    @property
    def total(self) -> int:
        """How many windows there are."""
        return self.done + self.running + self.waiting

    def timed(self, elapsed: float, done_before: int) -> "Progress":
        """With the time it took, and what is left at the rate so far."""
        done = self.done - done_before
        left = (self.total - self.done) * elapsed / done if done else None
        return replace(self, elapsed=elapsed, left=left)

    def __str__(self) -> str:
        words = f"{self.done} of {self.total} runs done, {self.running} running"
        words += f", {self.failed} failed, {span(self.elapsed)}"
        return f"{words}, about {span(self.left)} left" if self.left else words


def follow(
    windows: Sequence[Window],
    look: Callable[[], Runs],
    obstacle: Callable[[], str],
    show: Callable[[Progress], None],
) -> Runs:
    """Wait until every window's run has ended, and return the runs as they are then."""
    began = time.monotonic()
    done_before: int | None = None
    progress = Progress()
    while True:
        asked = time.monotonic()
        try:
            runs, hindered = look(), obstacle()
        except DBAPIError:
            # The backfill outlives a restart of the database, and so does following it.
            show(replace(progress, obstacle="Airflow's metadata database does not answer."))
        else:
            progress = Progress.of(windows, runs)
            done_before = progress.done if done_before is None else done_before
            progress = replace(progress.timed(asked - began, done_before), obstacle=hindered)
            show(progress)
            if progress.done == progress.total:
                return runs
        time.sleep(max(PAUSE, (time.monotonic() - asked) / SHARE))


def span(seconds: float) -> str:
    """A length of time, such as 0:42 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
