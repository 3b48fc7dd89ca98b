"""Claims: of all runs that load the same time, the newest reading publishes it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.sdk.exceptions import AirflowFailException

from sparkify.warehouse import commit, lock
from sparkify.window import Window, merge, naive


class Claim(NamedTuple):
    """A window that the run of a reading publishes."""

    reading: int
    run_id: str
    window: Window

    def __str__(self) -> str:
        return f"{self.window} to reading {self.reading} of {self.run_id}"


def claim(hook: DbApiHook, cursor: Any, run_id: str, window: Window) -> int:
    """
    Claim the window for what the run has staged, and return the number of that reading.

    A claim is committed before anything is loaded, and is permanent. So once a load has locked its
    table, it sees the claim of every newer reading that has loaded that table; and a newer reading
    that claims later also loads the table later, and replaces these rows.
    """
    cursor.execute(
        "select reading, claim_start from readings where reading = (select max(reading) "
        "from file_ledger where run_id = %s and dataset = 'staging_events')",
        (run_id,),
    )
    row = cursor.fetchone()
    commit(cursor)
    if row is None:
        raise AirflowFailException(
            "The warehouse no longer knows when this run read its files, so newer versions may "
            "already be loaded. Nothing was changed. Clear the run's task stage_events with "
            "downstream."
        )
    number, claimed = row
    if claimed is None:
        cursor.execute(lock("readings", hook.conn_type))
        cursor.execute(
            "update readings set claim_start = %s, claim_end = %s where reading = %s",
            (naive(window.start), naive(window.end), number),
        )
        commit(cursor)
    return int(number)


def newer_claims(cursor: Any, reading: int, window: Window) -> list[Claim]:
    """Return what newer readings claim of a window; the table to load must be locked."""
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
    """Return the SQL predicate of the rows whose time is in none of the claims."""
    windows = merge(claim.window for claim in claims)
    return " and ".join(f"not {window.holds(column)}" for window in windows)
