"""``make bench``: measure, show and save the results."""

import importlib
import os
import sys
from collections.abc import Sequence

from rich.console import Console

from local.bench.bench import Skipped, bench
from local.bench.measure import Comparison
from local.bench.plot import plot
from local.bench.show import show, write
from local.deployment.layout import Layout
from local.deployment.lock import single_instance
from local.terminal.errors import UserError
from local.terminal.screen import Screen
from local.terminal.signals import Interrupted, handle_signals

PARTS = {
    "staging": "JSON lines into a typed table, compared with COPY alone",
    "peers": "the same rows with other loaders",
    "star": "files to star schema, compared with DuckDB",
    "small_files": "many small files from a folder and from S3",
    "growth": "the same load as history grows",
    "growing": "the hours of a day whose file grows, read on or from its start",
    "one_run": "an hourly run under a real Airflow, compared with no-op tasks",
}

LONG = {"growing", "one_run"}
"""Measured only on request or with BENCH_FULL=1, because they take minutes."""

EVENTS = 500_000


def main() -> int:
    """Measure the requested parts and return the exit status."""
    handle_signals()
    screen = Screen(Console(width=None if sys.stdout.isatty() else 120))
    layout = Layout.here()
    try:
        with single_instance(layout.local / "bench" / "lock", "make bench"):
            measure(layout, screen, _parts(os.environ.get("PARTS", ""), full=_full()))
    except UserError as error:
        screen.print(f"\n{error}")
        return 1
    except Interrupted as interruption:
        screen.print("\nInterrupted. Nothing is left running.")
        return 128 + interruption.number
    return 0


def measure(layout: Layout, screen: Screen, parts: Sequence[str]) -> None:
    """Measure each part, show its results at once, and save all of them."""
    comparisons: list[Comparison] = []
    skipped: list[str] = []
    events = int(os.environ.get("EVENTS") or EVENTS)
    with bench(layout, screen, full=_full(), events=events) as environment:
        for part in parts:
            with screen.live():
                try:
                    found = list(importlib.import_module(f"local.bench.{part}").run(environment))
                except Skipped as reason:
                    skipped.append(str(reason))
                    screen.print(str(reason))
                    continue
            for comparison in found:
                show(screen.console, comparison)
            comparisons += found
    results = layout.local / "bench" / "results.json"
    write(results, comparisons, skipped)
    plot(results.with_suffix(".svg"), comparisons)
    screen.print(
        f"The results, and a chart of them, are in {results.parent.relative_to(layout.root)}."
    )


def _full() -> bool:
    return os.environ.get("BENCH_FULL", "") not in ("", "0")


def _parts(requested: str, *, full: bool) -> list[str]:
    default = [part for part in PARTS if full or part not in LONG]
    parts = requested.replace(",", " ").split() or default
    for part in parts:
        if part not in PARTS:
            known = "\n".join(f"  {name:14} {title}" for name, title in PARTS.items())
            raise UserError(f"PARTS={requested}: unknown part {part!r}. The parts are:\n{known}")
    return parts


if __name__ == "__main__":
    sys.exit(main())
