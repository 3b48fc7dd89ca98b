"""Measure and compare several ways to do a job, each run in its own process."""

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

from local.terminal.errors import UserError, last_lines


@dataclass(frozen=True, eq=False)
class Case:
    """
    One way to do a job.

    :param name: name in the table
    :param call: ``module:function``; it prepares and returns the work to time, which is a function
        that returns the outcome
    :param arguments: keyword arguments as JSON values
    :param environment: additional environment variables
    :param python: interpreter with the required packages
    :param work: share of the job that it does, if it is too slow for all of it
    """

    name: str
    call: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    python: str = sys.executable
    work: float = 1.0


@dataclass(frozen=True)
class Run:
    """A run of a case: its duration, its process's memory and its outcome."""

    seconds: float
    peak_mb: float
    start_mb: float
    outcome: Any


@dataclass(frozen=True)
class Samples:
    """Repeated measurements."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        """The median."""
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
    """Results of a case; the ratio is to the comparison's first case, per repetition."""

    name: str
    seconds: Samples
    ratio: Samples
    peak_mb: float
    start_mb: float
    steps: Mapping[str, float] = field(default_factory=dict)
    """Median seconds of the steps, if the work reports them."""


@dataclass(frozen=True)
class Comparison:
    """Results of several cases; the first one is the baseline."""

    title: str
    figures: Sequence[Figure]
    note: str = ""


Check = Callable[[Case, Run], None]
"""Called after each run; raises UserError unless the job was done."""

Report = Callable[[str, int, int], None]
"""Called with the next case, the number of runs done and the total."""


def compare(
    title: str,
    cases: Sequence[Case],
    *,
    times: int,
    check: Check,
    report: Report,
    note: str = "",
) -> Comparison:
    """Run the cases in turn, repeatedly, so that a slow machine affects all of them."""
    runs: dict[str, list[Run]] = {case.name: [] for case in cases}
    for turn in range(times):
        for number, case in enumerate(cases):
            report(case.name, turn * len(cases) + number, times * len(cases))
            run = run_once(case)
            check(case, run)
            runs[case.name].append(run)
    report("", times * len(cases), times * len(cases))
    return comparison(title, {case: runs[case.name] for case in cases}, note)


def comparison(title: str, runs: Mapping[Case, Sequence[Run]], note: str = "") -> Comparison:
    """Compare the runs of several cases with those of the first, per repetition."""
    first, base = next(iter(runs.items()))
    return Comparison(title, [_figure(case, its, first, base) for case, its in runs.items()], note)


def _figure(case: Case, runs: Sequence[Run], first: Case, base: Sequence[Run]) -> Figure:
    seconds = [run.seconds / case.work for run in runs]
    reference = [run.seconds / first.work for run in base]
    return Figure(
        name=case.name,
        seconds=Samples(seconds),
        ratio=Samples([mine / its for mine, its in zip(seconds, reference, strict=True)]),
        peak_mb=max(run.peak_mb for run in runs),
        start_mb=median(run.start_mb for run in runs),
        steps=_steps(
            [run.outcome.get("steps", {}) for run in runs if isinstance(run.outcome, dict)]
        ),
    )


def _steps(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for steps in runs for name in steps)
    return {name: median(steps.get(name, 0.0) for steps in runs) for name in names}


def run_once(case: Case) -> Run:
    """Run a case once in its own process, which writes the measurements to a file."""
    with tempfile.TemporaryDirectory(prefix="sparkify-bench-") as folder:
        result = Path(folder) / "run.json"
        command = [case.python, "-m", "local.bench.child", case.call, json.dumps(case.arguments)]
        child = subprocess.run(
            [*command, str(result)],
            env=os.environ | case.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if child.returncode:
            raise UserError(f"{case.name} failed:\n{last_lines(child.stdout + child.stderr)}")
        return Run(**json.loads(result.read_text()))
