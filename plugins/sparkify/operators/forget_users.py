"""Forget users: erase what the warehouse holds of them, and have later loads leave them out."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from sparkify.operators.warehouse import WarehouseOperator
from sparkify.records.rejects import FORGOTTEN, Forgotten
from sparkify.runs.steps import BOOKKEEPING
from sparkify.staging.claims import Claim, newer_claims, outside
from sparkify.staging.ledger import forgotten_users
from sparkify.staging.names import existing_staging_tables, staging_table
from sparkify.warehouse import POSTGRES, commit, insert_rows, lock, rollback, session
from sparkify.window import Window, naive, utc

IN_USE = "55P03"
"""SQLSTATE of a lock that is not to be had at once."""

THEIRS = "in (select user_id from forgotten_users)"

REJECTS = (
    "dataset, source, source_file, line_number, column_name, reason, raw_text, run_id, "
    "rejected_at, resolved_by, resolved_at"
)
SOURCE, FILE, REASON, TEXT, REJECTED_AT = 1, 2, 5, 6, 8


class ForgetUsersOperator(WarehouseOperator):
    """
    Erase users from the warehouse, in one transaction, and record that they are forgotten.

    A run that is reading files meanwhile starts that task again. What others have staged is erased
    from their staging tables, and their balance sheets count it as forgotten.

    Takes the params ``user_ids``, ``reason`` and ``confirm``. Without the right confirmation it
    fails with what it would erase.

    :param tables: the tables of the star that have a column ``user_id``
    :param summaries: those that hold something of a user without one, and are corrected
        ``afterwards``
    :param locks: the tables that the statements change, in the order in which loads lock them
    :param dataset: the table that staging tables are modelled on
    :param column: its column with the user
    :param beforehand: statements, or files, that note what is about to be erased (templated)
    :param afterwards: further ones that correct what was derived from it (templated)
    """

    template_fields: Sequence[str] = (
        "beforehand",
        "afterwards",
        *WarehouseOperator.template_fields,
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"beforehand": "sql", "afterwards": "sql"}
    ui_color = "#f3c6c6"

    def __init__(
        self,
        *,
        tables: Sequence[str],
        summaries: Sequence[str],
        locks: Sequence[str],
        dataset: str,
        column: str,
        beforehand: Sequence[str] = (),
        afterwards: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tables = list(tables)
        self.summaries = list(summaries)
        self.locks = list(locks)
        self.dataset = dataset
        self.column = column
        self.beforehand = list(beforehand)
        self.afterwards = list(afterwards)

    def execute(self, context: Context) -> dict[str, int]:
        """Erase the users; return how many rows of each table were erased."""
        params = context["params"]
        users = sorted(set(params["user_ids"]))
        hook = self.get_db_hook()
        with session(hook) as cursor:
            self._confirm(cursor, users, str(params["confirm"] or ""))
            commit(cursor)
            staged = self._lock(cursor, hook.conn_type)
            new = [user for user in users if user not in forgotten_users(cursor)]
            since = naive(datetime.now(UTC))
            rows = [(user, params["reason"], context["run_id"], since) for user in new]
            columns = "user_id, reason, run_id, forgotten_at"
            insert_rows(hook.conn_type, cursor, "forgotten_users", columns, rows)
            erased = self._erase(cursor)
            # A run that knew of all of them leaves them out itself, even if its COPY did not yet.
            for table, run_id in staged.items() if new else ():
                erased[table] = self._erase_staged(cursor, table, run_id)
            erased["rejected_rows"] = self._erase_rejects(cursor, hook.conn_type)
            if hook.conn_type == POSTGRES:
                # The planner's statistics quote values, those of deleted rows too.
                named = [*self.tables, *self.summaries, *staged, "rejected_rows"]
                cursor.execute(f"analyze {', '.join(named)}")
        found = {table: count for table, count in erased.items() if count}
        self.log.info("Forgot %s users, %s for the first time: %s", len(users), len(new), found)
        return erased

    def _confirm(self, cursor: Any, users: Sequence[int], confirmation: str) -> None:
        wanted = f"forget {len(users)} {'user' if len(users) == 1 else 'users'}"
        if confirmation.strip().lower() == wanted:
            return
        held = "\n".join(f"  user {user}: {self._holdings(cursor, user)}" for user in users)
        raise AirflowFailException(
            f"Nothing was erased. The warehouse holds\n{held}\nThis cannot be undone. To go ahead, "
            f"trigger the DAG again with the same ids and the confirmation: {wanted}"
        )

    def _holdings(self, cursor: Any, user: int) -> str:
        counts = []
        for table in self.tables:
            cursor.execute(f"select count(*) from {table} where user_id = %s", (user,))
            [count] = cursor.fetchone()
            counts += [f"{count:,} of {table}"] if count else []
        return ", ".join(counts) or "nothing; is the id right?"

    def _lock(self, cursor: Any, on: str) -> dict[str, str]:
        """
        Lock everything; return the staging tables, each with its run, or "" if that is unknown.

        A run that is creating its staging table anew holds that, and waits for the bookkeeping: so
        the one must not be waited for while the other is held.
        """
        while True:
            lock(cursor, on, *self.locks, *BOOKKEEPING)
            tables = existing_staging_tables(cursor, [self.dataset])
            try:
                if on == POSTGRES and tables:
                    cursor.execute(
                        f"lock table {', '.join(sorted(tables))} in row exclusive mode nowait"
                    )
                break
            except Exception as error:
                if getattr(error, "sqlstate", None) != IN_USE:
                    raise
                rollback(cursor)
                self.log.info("Waiting for a run that is reading files ...")
                time.sleep(1)
        cursor.execute("select run_id from load_runs")
        runs = {staging_table(run_id, self.dataset): run_id for (run_id,) in cursor.fetchall()}
        return {table: runs.get(table, "") for table in sorted(tables)}

    def _erase(self, cursor: Any) -> dict[str, int]:
        """Erase the users from the star."""
        for statement in self.beforehand:
            self.execute_statement(cursor, statement)
        erased = {}
        for table in self.tables:
            self.execute_statement(cursor, f"delete from {table} where user_id {THEIRS}")
            erased[table] = int(cursor.rowcount)
        for statement in self.afterwards:
            self.execute_statement(cursor, statement)
        return erased

    def _erase_staged(self, cursor: Any, table: str, run_id: str) -> int:
        """Erase the users from a staging table, and correct the balance sheet of its run."""
        cursor.execute(
            "select window_start, window_end, published_at from load_runs where run_id = %s",
            (run_id,),
        )
        start, end, published_at = cursor.fetchone() or (None, None, None)
        # What newer readings claim, this run has not published.
        left: Sequence[Claim] = []
        if published_at and start and end:
            left = newer_claims(cursor, run_id, Window(utc(start), utc(end)))
        cursor.execute(
            "select coalesce(sum(copies), 0), coalesce(sum(plays), 0), count(nullif(plays, 0)), "
            f"count(case when plays > 0 and {outside(left, 'ts') or '1 = 1'} then 1 end) "
            "from (select ts, count(*) as copies, sum(case when page = 'NextSong' and ts >= %s "
            f"and ts < %s then 1 else 0 end) as plays from {table} where {self.column} {THEIRS} "
            f"group by ts, {self.column}, sessionid, iteminsession) as events",
            (start, end),
        )
        rows, plays, distinct, published = map(int, cursor.fetchone())
        if not rows:
            return 0
        cursor.execute(f"delete from {table} where {self.column} {THEIRS}")
        cursor.execute(
            "update load_runs set erased = coalesce(erased, 0) + %s, forgotten = forgotten + %s, "
            "staged = staged - %s, plays_staged = plays_staged - %s, "
            "plays_duplicate = plays_duplicate - %s, plays_left = plays_left - %s, "
            "plays_published = plays_published - %s where run_id = %s",
            (*(rows, rows, rows, plays, plays - distinct), distinct - published, published, run_id),
        )
        return rows

    def _erase_rejects(self, cursor: Any, on: str) -> int:
        """Delete the users' rejects, and redact those that may be theirs; return how many."""
        forgotten = Forgotten(self.column, forgotten_users(cursor))
        cursor.execute(
            "select distinct run_id from rejected_rows where dataset = %s", (self.dataset,)
        )
        changed = 0
        for (run_id,) in cursor.fetchall():
            cursor.execute(
                f"select {REJECTS} from rejected_rows where dataset = %s and run_id = %s",
                (self.dataset, run_id),
            )
            before = cursor.fetchall()
            after = [_redacted(forgotten, row) for row in before]
            count = sum(one != tuple(row) for one, row in zip(after, before, strict=True))
            if not count:
                continue
            changed += count
            cursor.execute(
                "delete from rejected_rows where dataset = %s and run_id = %s",
                (self.dataset, run_id),
            )
            kept = [row for row in after if row[REASON] != FORGOTTEN]
            insert_rows(on, cursor, "rejected_rows", REJECTS, kept)
            self._recount(cursor, run_id, [row for row in after if row[REASON] == FORGOTTEN])
        return changed

    def _recount(self, cursor: Any, run_id: str, rows: Iterable[Sequence[Any]]) -> None:
        """Count rejects of a run that were deleted as forgotten, if its last reading has them."""
        gone = Counter((row[SOURCE], row[FILE], row[REJECTED_AT]) for row in rows)
        recounted = 0
        for (source, file, rejected_at), count in gone.items():
            cursor.execute(
                "update file_ledger set reject_count = reject_count - %s, "
                "forgotten_count = coalesce(forgotten_count, 0) + %s where dataset = %s "
                "and run_id = %s and source = %s and source_file = %s and read_at = %s",
                (count, count, self.dataset, run_id, source, file, rejected_at),
            )
            recounted += count * cursor.rowcount
        cursor.execute(
            "update load_runs set rejected = rejected - %s, forgotten = forgotten + %s "
            "where run_id = %s",
            (recounted, recounted, run_id),
        )


def _redacted(forgotten: Forgotten, row: Sequence[Any]) -> tuple[Any, ...]:
    """Return a row of the columns ``REJECTS`` without what may be a forgotten user's."""
    reason, text = forgotten.redacted(row[REASON], row[TEXT] or "")
    return (*row[:REASON], reason, text or None, *row[TEXT + 1 :])
