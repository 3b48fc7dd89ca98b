"""Ways of doing one job, measured in turn: a process each, several times over, and compared."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from local.terminal.errors import Trouble, last_lines


@dataclass(frozen=True, eq=False)
class Way:
    """
    One way of doing a job.

    :param name: what it is called in the table
    :param call: ``module:function``; called with the arguments it prepares, and returns the work
        to be timed, which returns what came of it
    :param arguments: JSON values by name
    :param environment: set beside the caller's
    :param python: the interpreter that has what it needs
    :param work: how much of the job it does, where it is too slow for all: 0.1 is a tenth
    """

    name: str
    call: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    python: str = sys.executable
    work: float = 1.0


@dataclass(frozen=True)
class Run:
    """One run of a way: seconds, the most memory its process held, and what came of it."""

    seconds: float
    peak_mb: float
    start_mb: float
    outcome: Any


@dataclass(frozen=True)
class Spread:
    """Several measurements of one thing."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        """The one in the middle."""
        return median(self.values)

    @property
    def least(self) -> float:
        """The smallest."""
        return min(self.values)

    @property
    def most(self) -> float:
        """The largest."""
        return max(self.values)


@dataclass(frozen=True)
class Figure:
    """What was measured of one way; the ratio is to the comparison's first way, turn by turn."""

    name: str
    seconds: Spread
    ratio: Spread
    peak_mb: float
    start_mb: float
    steps: Mapping[str, float] = field(default_factory=dict)
    """Median seconds of the parts of the work, where it tells them."""


@dataclass(frozen=True)
class Comparison:
    """Ways of doing one job, the first of which the others are held against."""

    title: str
    figures: Sequence[Figure]
    note: str = ""


Check = Callable[[Way, Run], None]
"""Looks, after a run, whether the job was done; Trouble where it was not."""

Report = Callable[[str, int, int], None]
"""Told what is measured next, and how many runs of how many are done."""


def compare(
    title: str,
    ways: Sequence[Way],
    *,
    times: int,
    check: Check,
    report: Report,
    note: str = "",
) -> Comparison:
    """Run the ways in turn, several times over: what slows the machine slows neighbours alike."""
    runs: dict[str, list[Run]] = {way.name: [] for way in ways}
    for turn in range(times):
        for number, way in enumerate(ways):
            report(way.name, turn * len(ways) + number, times * len(ways))
            run = run_once(way)
            check(way, run)
            runs[way.name].append(run)
    report("", times * len(ways), times * len(ways))
    return comparison(title, {way: runs[way.name] for way in ways}, note)


def comparison(title: str, runs: Mapping[Way, Sequence[Run]], note: str = "") -> Comparison:
    """The runs of several ways, turn by turn, held against those of the first."""
    first, base = next(iter(runs.items()))
    return Comparison(title, [_figure(way, its, first, base) for way, its in runs.items()], note)


def _figure(way: Way, runs: Sequence[Run], first: Way, base: Sequence[Run]) -> Figure:
    seconds = [run.seconds / way.work for run in runs]
    against = [run.seconds / first.work for run in base]
    return Figure(
        name=way.name,
        seconds=Spread(seconds),
        ratio=Spread([mine / its for mine, its in zip(seconds, against, strict=True)]),
        peak_mb=max(run.peak_mb for run in runs),
        start_mb=median(run.start_mb for run in runs),
        steps=_steps(
            [run.outcome.get("steps", {}) for run in runs if isinstance(run.outcome, dict)]
        ),
    )


def _steps(told: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for steps in told for name in steps)
    return {name: median(steps.get(name, 0.0) for steps in told) for name in names}


def run_once(way: Way) -> Run:
    """One run in a process of its own, which says what it measured in a file."""
    with tempfile.TemporaryDirectory(prefix="sparkify-bench-") as folder:
        said = Path(folder) / "run.json"
        ended = subprocess.run(
            [way.python, "-m", "local.bench.child", way.call, json.dumps(way.arguments), str(said)],
            env=os.environ | way.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise Trouble(f"{way.name} failed:\n{last_lines(ended.stdout + ended.stderr)}")
        return Run(**json.loads(said.read_text()))
