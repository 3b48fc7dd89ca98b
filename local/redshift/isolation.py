"""
Redshift's isolation: one writer per table, and error 1023 on a serialization conflict.

Isolation levels, c_serial_isolation.html in the Database Developer Guide.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from local.redshift.refusals import RedshiftError
from local.redshift.statements import Statement

VIOLATION = "1023"
SNAPSHOT, SERIALIZABLE = "snapshot", "serializable"


@dataclass(eq=False)
class Transaction:
    """The snapshot, reads and writes of a transaction."""

    snapshot: int | None = None
    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)


class History:
    """
    The last commit that wrote each table of a database.

    Under ``SERIALIZABLE`` a writing transaction must not have read what another has written since.
    Redshift only refuses circles of these; this is stricter, as it does not know which rows.
    """

    def __init__(self) -> None:
        self.level = SNAPSHOT
        self._mutex = threading.Lock()
        self._commits = 0
        self._dropping: set[Transaction] = set()
        self._written: dict[str, int] = defaultdict(int)

    def read(self, transaction: Transaction, statement: Statement) -> None:
        """Record the reads of a statement; the first one takes the transaction's snapshot."""
        with self._mutex:
            if transaction.snapshot is None:
                transaction.snapshot = self._commits
            transaction.reads |= statement.reads
            # Reported in github.com/dbt-labs/dbt-redshift/issues/928, but not documented.
            if "information_schema." in statement.code and self._dropping - {transaction}:
                raise RedshiftError("could not open relation with OID 100001", "XX000")

    def drop(self, transaction: Transaction) -> None:
        """Record that a running transaction has dropped a table."""
        with self._mutex:
            self._dropping.add(transaction)

    def end(self, transaction: Transaction) -> None:
        """Record that a transaction has ended, committed or not."""
        with self._mutex:
            self._dropping.discard(transaction)

    def write(self, transaction: Transaction, statement: Statement, table: str) -> None:
        """
        Record a write to a locked table; raise if another transaction wrote it since the snapshot.

        Appending rows without reading the table never conflicts.
        """
        blind = statement.verb in ("insert", "copy") and table not in transaction.reads
        with self._mutex:
            if not blind:
                self._check(transaction, {table})
            transaction.writes.add(table)
            self._check_reads(transaction)

    def commit(self, transaction: Transaction) -> None:
        """Record the transaction's writes as committed."""
        with self._mutex:
            self._check_reads(transaction)
            self._commits += 1
            self._dropping.discard(transaction)
            for table in transaction.writes:
                self._written[table] = self._commits

    def _check_reads(self, transaction: Transaction) -> None:
        if self.level == SERIALIZABLE and transaction.writes:
            self._check(transaction, transaction.reads)

    def _check(self, transaction: Transaction, tables: Iterable[str]) -> None:
        """Raise if another transaction has written one of the tables since the snapshot."""
        for table in tables:
            if self._written[table] > (transaction.snapshot or 0):
                raise violation(table)


def violation(table: str) -> RedshiftError:
    """Return the error of a transaction that must be retried."""
    detail = f"Serializable isolation violation on table - {table}"
    return RedshiftError(VIOLATION, "XX000", detail)
