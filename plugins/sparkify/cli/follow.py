"""Follow a backfill until every window's run has ended."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sparkify.cli.windows import Run, Window

PAUSE = 1.0
# The largest share of the time to spend on queries, however many windows there are.
SHARE = 0.1

Runs = Mapping[datetime, Run]


@dataclass(frozen=True)
class Progress:
    """The progress of a backfill."""

    succeeded: int = 0
    failed: int = 0
    running: int = 0
    waiting: int = 0
    elapsed: float = 0.0
    left: float | None = None
    """An estimate in seconds, once there is something to base it on."""
    obstacle: str = ""
    """Why it is stuck, and what to do."""

    @classmethod
    def of(cls, windows: Sequence[Window], runs: Runs) -> "Progress":
        """Count the windows' runs by state."""
        states = [runs[w.logical_date].state if w.logical_date in runs else "" for w in windows]
        succeeded, running = states.count("success"), states.count("running")
        waiting = states.count("queued")
        # Includes runs deleted meanwhile, which did not load their window either.
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
        """Add the elapsed time, and an estimate of the rest at the rate so far."""
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
    outage: type[Exception],
    silence: str,
) -> Runs:
    """
    Wait until every window's run has ended, and return the runs.

    :param windows: the windows
    :param look: returns their runs
    :param obstacle: says why they are stuck, or nothing
    :param show: shows the progress
    :param outage: the error of a question that may be answered later
    :param silence: describes an outage
    """
    began = time.monotonic()
    done_before: int | None = None
    progress = Progress()
    while True:
        queried = time.monotonic()
        try:
            runs, found = look(), obstacle()
        except outage:
            # Like the backfill, following it survives a restart of what answers.
            show(replace(progress, obstacle=silence))
        else:
            progress = Progress.of(windows, runs)
            done_before = progress.done if done_before is None else done_before
            progress = replace(progress.timed(queried - began, done_before), obstacle=found)
            show(progress)
            if progress.done == progress.total:
                return runs
        time.sleep(max(PAUSE, (time.monotonic() - queried) / SHARE))


def span(seconds: float) -> str:
    """Format a duration, such as 0:42 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
