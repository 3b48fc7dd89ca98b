"""Redshift's isolation: one writer a table, and error 1023 for one that did not see the last."""

import threading
from collections import defaultdict
from dataclasses import dataclass, field

from local.redshift.refusals import Refused
from local.redshift.statements import Statement

VIOLATION = "1023"


@dataclass(eq=False)
class Transaction:
    """What one transaction has seen and done so far."""

    snapshot: int | None = None
    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)


class History:
    """Which commit wrote each table last, in one database."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._commits = 0
        self._dropping: set[Transaction] = set()
        self._written: dict[str, int] = defaultdict(int)

    def see(self, transaction: Transaction, statement: Statement) -> None:
        """Note what a statement reads; the first one fixes what the transaction can see."""
        with self._mutex:
            if transaction.snapshot is None:
                transaction.snapshot = self._commits
            transaction.reads |= statement.reads
            # Seen by dbt's users, github.com/dbt-labs/dbt-redshift/issues/928; no page has it.
            if "information_schema." in statement.code and self._dropping - {transaction}:
                raise Refused("could not open relation with OID 100001", "XX000")

    def drop(self, transaction: Transaction) -> None:
        """Note that a transaction has dropped a table, and has not ended."""
        with self._mutex:
            self._dropping.add(transaction)

    def leave(self, transaction: Transaction) -> None:
        """Note that a transaction has ended, however."""
        with self._mutex:
            self._dropping.discard(transaction)

    def write(self, transaction: Transaction, statement: Statement, table: str) -> None:
        """
        Note a write, once the table is locked; refuse it when another's came in between.

        Rows that are added blindly are in nobody's way.
        """
        blind = statement.verb in ("insert", "copy") and table not in transaction.reads
        with self._mutex:
            if not blind and self._written[table] > (transaction.snapshot or 0):
                raise violation(table)
            transaction.writes.add(table)

    def commit(self, transaction: Transaction) -> None:
        """Make the transaction's writes known."""
        with self._mutex:
            self._commits += 1
            self._dropping.discard(transaction)
            for table in transaction.writes:
                self._written[table] = self._commits


def violation(table: str) -> Refused:
    """What Redshift says to a transaction that has to be tried again."""
    detail = f"Serializable isolation violation on table - {table}"
    return Refused(VIOLATION, "XX000", detail)
