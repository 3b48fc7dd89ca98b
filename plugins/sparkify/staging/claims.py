"""Claims: of all runs that load the same time, the newest reading publishes it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from airflow.sdk.exceptions import AirflowFailException

from sparkify.window import Window, merge, naive


class Claim(NamedTuple):
    """A window that the run of a reading publishes."""

    reading: int
    run_id: str
    window: Window

    def __str__(self) -> str:
        return f"{self.window} to reading {self.reading} of {self.run_id}"


def newer_claims(cursor: Any, run_id: str, window: Window) -> list[Claim]:
    """
    Return what readings newer than the run's claim of its window.

    A run claims its window once its audit has passed, before it loads anything, and for good. So
    once a load has locked its table, it sees the claim of every newer reading that has loaded it;
    and a newer reading that claims later also loads the table later, and replaces these rows.

    :param window: what the run is about to replace, which must be what it staged and has claimed
    """
    start, end = naive(window.start), naive(window.end)
    cursor.execute(
        "select reading, run_id, claim_start, claim_end from readings where reading >= "
        "(select max(reading) from file_ledger where run_id = %s and dataset = 'staging_events') "
        "and claim_start < %s and claim_end > %s order by reading",
        (run_id, end, start),
    )
    own, *newer = cursor.fetchall() or [(0, "", start, end)]
    if own[1] != run_id:
        raise AirflowFailException(
            "The warehouse no longer knows when this run read its files, so newer versions may "
            "already be loaded. Nothing was changed. Clear the run's task stage_events with "
            "downstream."
        )
    staged = Window(*own[2:])
    if staged != Window(start, end):
        raise AirflowFailException(
            f"This run staged its files for {staged}, but its window is now {window}: the variable "
            "sparkify_lookback_minutes or the run's conf has changed since. Nothing was changed. "
            "Clear the run's task stage_events with downstream."
        )
    claims = [
        Claim(number, other, Window(max(first, start), min(last, end)))
        for number, other, first, last in newer
    ]
    return sorted(claims, key=lambda claim: claim.window.start)


def outside(claims: Iterable[Claim], column: str) -> str:
    """Return the SQL predicate of the rows whose time is in none of the claims."""
    windows = merge(claim.window for claim in claims)
    return " and ".join(f"not {window.holds(column)}" for window in windows)
