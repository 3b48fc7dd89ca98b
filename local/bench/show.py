"""Output of the results: tables on the screen and a JSON file."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from local.bench.measure import Comparison, Figure, Samples


def show(console: Console, comparison: Comparison) -> None:
    """Print a table; the ratios are to its first row."""
    table = Table(title=comparison.title, title_justify="left", caption=comparison.note or None)
    table.add_column("", overflow="fold")
    for heading in ("seconds", "ratio to first", "min-max", "peak MB", "start MB"):
        table.add_column(heading, justify="right")
    for figure in comparison.figures:
        table.add_row(*_cells(figure))
    console.print(table)
    if steps := [figure for figure in comparison.figures if figure.steps]:
        console.print(_steps(steps))


def _steps(figures: Sequence[Figure]) -> Table:
    """Return a table of the seconds per step."""
    table = Table(title="seconds per step", title_justify="left")
    table.add_column("")
    for figure in figures:
        table.add_column(figure.name, justify="right", overflow="fold")
    for step in dict.fromkeys(step for figure in figures for step in figure.steps):
        table.add_row(step, *(_short(figure.steps.get(step, 0.0)) for figure in figures))
    return table


def _cells(figure: Figure) -> tuple[str, ...]:
    ratio = figure.ratio
    return (
        figure.name,
        _short(figure.seconds.median),
        _short(ratio.median),
        f"{_short(ratio.least)}-{_short(ratio.most)}",
        f"{figure.peak_mb:,.0f}",
        f"{figure.start_mb:,.0f}",
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def write(file: Path, comparisons: Sequence[Comparison], skipped: Sequence[str]) -> None:
    """Write all results and a description of the machine to a file."""
    report = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "skipped": list(skipped),
        "comparisons": [asdict(comparison, dict_factory=_fields) for comparison in comparisons],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(report, indent=2, default=_summary) + "\n")


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    return _summary(Samples(fields["values"])) if set(fields) == {"values"} else fields


def _summary(spread: Samples) -> dict[str, Any]:
    figures = {"median": spread.median, "min": spread.least, "max": spread.most}
    return {name: round(value, 4) for name, value in figures.items()}


def machine() -> str:
    """Describe the machine."""
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
