"""The summary of a run: its balance sheet, a row of ``load_runs``, in sentences."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

FIGURES = (
    "window_start, window_end, objects, missing, bytes, lines, staged, rejected, forgotten, "
    "plays_staged, plays_duplicate, plays_left, plays_published, plays_matched, stage_seconds, "
    "load_seconds, check_seconds"
)


def read_figures(cursor: Any, run_id: str) -> dict[str, Any]:
    """Return the figures of a run in types that XCom accepts."""
    cursor.execute(f"select {FIGURES} from load_runs where run_id = %s", (run_id,))
    row = cursor.fetchone()
    figures = dict(zip(FIGURES.split(", "), row or (), strict=bool(row)))
    return {
        name: f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else value
        for name, value in figures.items()
    }


def describe(figures: Mapping[str, Any]) -> str:
    """Describe the result of a run."""
    if not figures:
        return "This run has no balance sheet: its first task has not started."
    lines = [f"{figures['window_start']} to {figures['window_end']} UTC"]
    if figures["objects"] is not None:
        lines.append(
            "read {objects} files of {bytes:,} bytes, {missing} missing: {lines:,} lines = "
            "{staged:,} staged + {rejected:,} rejected".format(**figures)
            + _forgotten(figures["forgotten"])
            + _folded(
                figures["lines"]
                - sum(figures[term] or 0 for term in ("staged", "rejected", "forgotten"))
            )
        )
    if figures["plays_published"] is not None:
        lines.append(
            "{plays_staged:,} plays of this time: {plays_published:,} published, "
            "{plays_duplicate:,} copies left out{left}; {plays_matched:,} match a song".format(
                left=_left(figures["plays_left"]), **figures
            )
            if figures["plays_staged"]
            else "a quiet time: no plays"
        )
    lines += [", ".join(_seconds(figures))] if any(_seconds(figures)) else []
    return "\n    ".join(lines)


def _left(plays: int) -> str:
    """Describe the plays that were left to newer readings."""
    return f", {plays:,} left to newer readings" if plays else ""


def _forgotten(records: int | None) -> str:
    """Describe the records that were left out."""
    return f" + {records:,} of forgotten users" if records else ""


def _folded(lines: int) -> str:
    """Complete the sum if records and lines do not correspond one to one."""
    if not lines:
        return ""
    return f" {'+' if lines > 0 else '-'} {abs(lines):,} folded"


def _seconds(figures: Mapping[str, Any]) -> list[str]:
    phases = {"staged": "stage_seconds", "loaded": "load_seconds", "checked": "check_seconds"}
    return [
        f"{phase} in {figures[column]:.1f} s"
        for phase, column in phases.items()
        if figures[column] is not None
    ]
