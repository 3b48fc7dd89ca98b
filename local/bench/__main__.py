"""``make bench``: measure, show, and write down."""

import importlib
import os
import sys
from collections.abc import Sequence

from rich.console import Console

from local.bench.bench import LeftOut, bench
from local.bench.measure import Comparison
from local.bench.plot import plot
from local.bench.show import show, write
from local.deployment.layout import Layout
from local.deployment.lock import only_run
from local.terminal.errors import Trouble
from local.terminal.screen import Screen
from local.terminal.signals import Interrupted, listen

PARTS = {
    "staging": "JSON lines into a typed table, beside the database's own floor",
    "peers": "the same rows by other loaders",
    "star": "files to star schema, beside DuckDB in its own file",
    "small_files": "many small files, from a folder and from S3",
    "growth": "the same load as history grows",
    "one_run": "an hourly run under a real Airflow, beside tasks that do nothing",
}

LONG = {"one_run"}
"""Measured where it is asked for, and with BENCH_FULL=1: starting an Airflow takes a minute."""

EVENTS = 500_000


def main() -> int:
    """Measure the parts that were asked for; return the exit status."""
    listen()
    screen = Screen(Console(width=None if sys.stdout.isatty() else 120))
    layout = Layout.here()
    try:
        with only_run(layout.local / "bench" / "lock", "make bench"):
            measure(layout, screen, _parts(os.environ.get("PARTS", ""), full=_full()))
    except Trouble as trouble:
        screen.say(f"\n{trouble}")
        return 1
    except Interrupted as interruption:
        screen.say("\nInterrupted. Nothing is left running.")
        return 128 + interruption.number
    return 0


def measure(layout: Layout, screen: Screen, parts: Sequence[str]) -> None:
    """Each part, shown as soon as it is measured."""
    comparisons: list[Comparison] = []
    left_out: list[str] = []
    events = int(os.environ.get("EVENTS") or EVENTS)
    with bench(layout, screen, full=_full(), events=events) as place:
        for part in parts:
            with screen.live():
                try:
                    found = list(importlib.import_module(f"local.bench.{part}").run(place))
                except LeftOut as reason:
                    left_out.append(str(reason))
                    screen.say(str(reason))
                    continue
            for comparison in found:
                show(screen.console, comparison)
            comparisons += found
    results = layout.local / "bench" / "results.json"
    write(results, comparisons, left_out)
    plot(results.with_suffix(".svg"), comparisons)
    screen.say(f"All figures are in {results.relative_to(layout.root)}, drawn in results.svg.")


def _full() -> bool:
    return os.environ.get("BENCH_FULL", "") not in ("", "0")


def _parts(asked: str, *, full: bool) -> list[str]:
    usual = [part for part in PARTS if full or part not in LONG]
    parts = asked.replace(",", " ").split() or usual
    for part in parts:
        if part not in PARTS:
            known = "\n".join(f"  {name:14} {what}" for name, what in PARTS.items())
            raise Trouble(f"PARTS={asked}: there is no part {part!r}. There are:\n{known}")
    return parts


if __name__ == "__main__":
    sys.exit(main())
