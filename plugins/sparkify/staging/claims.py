"""Claims: of all runs that load the same time, the one that looked at the files last has it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.sdk.exceptions import AirflowFailException

from sparkify.warehouse import lock
from sparkify.window import Window, naive


class Claim(NamedTuple):
    """A time for which the run of a reading publishes."""

    reading: int
    run_id: str
    window: Window

    def __str__(self) -> str:
        return f"{self.window} to reading {self.reading} of {self.run_id}"


def claim(hook: DbApiHook, cursor: Any, run_id: str, window: Window) -> int:
    """
    Claim the window for what the run has staged, and return that reading's number.

    It is committed before anything is loaded, and holds for good. So whoever loads a table sees,
    once that table is locked, the claim of every newer reading that has loaded it; and a newer one
    that claims after this look loads the table after this load, and replaces it.
    """
    cursor.execute(
        "select reading, claim_start from readings where reading = (select max(reading) "
        "from file_ledger where run_id = %s and dataset = 'staging_events')",
        (run_id,),
    )
    row = cursor.fetchone()
    cursor.execute("commit")
    if row is None:
        raise AirflowFailException(
            "The warehouse no longer knows when this run read its files, so it cannot tell whether "
            "newer ones are loaded. Nothing was changed. Clear the run's task stage_events, and "
            "what follows it."
        )
    number, claimed = row
    if claimed is None:
        cursor.execute(lock("readings", hook.conn_type))
        cursor.execute(
            "update readings set claim_start = %s, claim_end = %s where reading = %s",
            (naive(window.start), naive(window.end), number),
        )
        cursor.execute("commit")
    return int(number)


def newer_claims(cursor: Any, reading: int, window: Window) -> list[Claim]:
    """What newer readings claim of a window; the table to load has to be locked before."""
    start, end = naive(window.start), naive(window.end)
    cursor.execute(
        "select reading, run_id, claim_start, claim_end from readings "
        "where reading > %s and claim_start < %s and claim_end > %s order by claim_start",
        (reading, end, start),
    )
    return [
        Claim(number, run_id, Window(max(first, start), min(last, end)))
        for number, run_id, first, last in cursor.fetchall()
    ]


def outside(claims: Iterable[Claim], column: str) -> str:
    """The SQL predicate that is true for a row whose time none of the claims, in order, holds."""
    merged: list[Window] = []
    for window in (claim.window for claim in claims):
        if merged and window.start <= merged[-1].end:
            merged[-1] = Window(merged[-1].start, max(merged[-1].end, window.end))
        else:
            merged.append(window)
    return " and ".join(f"not {window.holds(column)}" for window in merged)
