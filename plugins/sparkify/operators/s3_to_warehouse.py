"""Stage files in the warehouse, on either engine."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn

from airflow.providers.amazon.aws.transfers.s3_to_redshift import S3ToRedshiftOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from sparkify.lineage import Executed, Lineage, Location
from sparkify.operators.errors import VisibleErrorsMixin
from sparkify.operators.lineage import LineageMixin
from sparkify.records.rejects import Forgotten
from sparkify.runs.songs import known_songs, published_songs
from sparkify.runs.steps import BOOKKEEPING
from sparkify.settings import WAREHOUSE, setting
from sparkify.sources.base import Source, SourceFile
from sparkify.sources.open import find, matching, nearby_names, open_source
from sparkify.sources.partitions import Partition
from sparkify.staging.copy_statement import copy_options, copy_statement
from sparkify.staging.ledger import (
    Reading,
    Tally,
    begin_reading,
    forgotten_users,
    published_names,
    set_aside,
)
from sparkify.staging.prefixes import beginning
from sparkify.warehouse import (
    POSTGRES,
    REDSHIFT,
    commit,
    connection_of,
    engine,
    execute,
    lock,
    session,
    warehouse_hook,
)
from sparkify.window import Window

if TYPE_CHECKING:  # imported where it is used, with polars
    from sparkify.staging.redshift import Copy

SHOWN_MISSING = 5


class Staged(NamedTuple):
    """What a task has staged where."""

    location: Location
    reading: Reading
    tally: Tally


class S3ToWarehouseOperator(VisibleErrorsMixin, LineageMixin, S3ToRedshiftOperator):
    """
    Copy JSON files into a run's own staging table: the provider's COPY, also for PostgreSQL.

    On a ``postgres`` connection the same files are streamed through COPY FROM STDIN.

    :param table: the run's staging table, which is recreated (templated)
    :param dataset: the table that it is modelled on, and the name of the dataset in the ledger
    :param source: URL of the source: ``s3://bucket/prefix`` or ``file:///folder`` (templated)
    :param patterns: globs of the files to read, relative to the source, one per line (templated).
        A pattern that matches no file is recorded as missing
    :param rules: reason to predicate of records to reject although each value fits
    :param partition: template of the files' names by time (templated); records outside the time of
        their file are rejected
    :param named_by: the variable that the patterns come from, for messages
    :param time_column: column with a record's time
    :param user_column: column with a record's user, if it may have one: records of forgotten users
        are left out
    :param beforehand: statements, or files, to run first in a transaction of their own, so that
        they persist if the run fails (templated)
    :param jsonpaths: URL of a JSONPaths file for Redshift's COPY; without one, a key fills the
        column of its name, in any case (templated)
    :param only_new: read only files that are new or changed since they were last published, and
        name each row's file in the column ``source_file``; skip if there are none
    :param redshift_conn_id: the warehouse; its type decides the engine (templated)
    """

    template_fields: Sequence[str] = (
        "table",
        "dataset",
        "source",
        "patterns",
        "rules",
        "partition",
        "beforehand",
        "jsonpaths",
        "redshift_conn_id",
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"rules": "json", "beforehand": "sql"}
    ui_color = "#cfe8fc"

    def __init__(
        self,
        *,
        table: str,
        dataset: str,
        source: str,
        patterns: str,
        rules: Mapping[str, str] | None = None,
        partition: str = "",
        named_by: str,
        time_column: str = "",
        user_column: str = "",
        beforehand: Sequence[str] = (),
        jsonpaths: str = "",
        only_new: bool = False,
        redshift_conn_id: str = WAREHOUSE,
        s3_bucket: str = "",
        s3_key: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            table=table,
            s3_bucket=s3_bucket,
            s3_key=s3_key,
            redshift_conn_id=redshift_conn_id,
            **kwargs,
        )
        self.dataset = dataset
        self.source = source
        self.patterns = patterns
        self.rules = rules or {}
        self.partition = partition
        self.named_by = named_by
        self.time_column = time_column
        self.user_column = user_column
        self.beforehand = list(beforehand)
        self.jsonpaths = jsonpaths
        self.only_new = only_new
        self.staged: Staged | None = None

    # The provider's returns nothing.
    def execute(self, context: Context) -> dict[str, int]:  # type: ignore[override]
        """Stage the files, and return the counts as XCom."""
        is_postgres = engine(self.redshift_conn_id) == POSTGRES
        stage = self._stage_on_postgres if is_postgres else self._stage_on_redshift
        hook = warehouse_hook(self.redshift_conn_id)
        with session(hook) as cursor:
            reading, tally = stage(cursor, context)
        self.staged = Staged(Location.of(connection_of(hook)), reading, tally)
        return self._summary(reading, tally)

    def lineage(self) -> Lineage:
        """Return the files that were read, and the tables that hold what was in them."""
        if not self.staged:
            return Lineage(Location("", ""))
        location, reading, tally = self.staged
        lineage = Lineage(location)
        lineage.add(*map(Executed, self.beforehand))
        lineage.read_files(file.url for file in reading.files if file not in tally.gone)
        lineage.write_table(reading.dataset, tally.staged)
        lineage.write_table("rejected_rows", tally.rejected)
        hours = ("continued_hours",) if tally.continued else ()
        for table in (*hours, "file_keys", "file_ledger", "readings"):
            lineage.write_table(table)
        return lineage

    def _stage_on_postgres(self, cursor: Any, context: Context) -> tuple[Reading, Tally]:
        if self.jsonpaths:
            raise AirflowFailException(
                f"The variable sparkify_jsonpaths is {self.jsonpaths!r}, and the connection "
                f"{self.redshift_conn_id} is of type postgres. JSONPaths work only with Redshift's "
                "COPY; on PostgreSQL a key fills the column of its name. Remove the variable."
            )
        reading = self._reading(cursor, POSTGRES, context)
        # Threads of polars would cost more than they gain: reading, parsing and COPY overlap.
        os.environ.setdefault("POLARS_MAX_THREADS", "1")
        # Imported here, because every task of the DAG imports this module, and importing polars
        # takes longer than a whole task.
        from sparkify.staging.postgres import stage

        return reading, stage(cursor, open_source(self.source), reading, self.table, self.rules)

    def _stage_on_redshift(self, cursor: Any, context: Context) -> tuple[Reading, Tally]:
        from sparkify.staging.redshift import source_in_s3, stage

        source = source_in_s3(self.source)
        reading = self._reading(cursor, REDSHIFT, context)
        manifests = setting("manifest_prefix")
        copy = self._copy_statement
        return reading, stage(cursor, source, reading, self.table, self.rules, manifests, copy)

    def _copy_statement(self, one: "Copy") -> str:
        """Return the statement of one COPY."""
        options = copy_options(one.options, self.jsonpaths)
        self.log.info("Copying %s into %s: %s", one.url, self.table, ", ".join(options))
        # The provider's operator reads from one location, this one from several.
        self.s3_bucket, self.s3_key = one.bucket, one.key
        return copy_statement(self, options)

    def _reading(self, cursor: Any, on: str, context: Context) -> Reading:
        """Number a reading, and list its files and the patterns that match none."""
        window, run_id = Window.of_run(context), context["run_id"]
        if self.only_new:
            # Most runs end here, before they take a lock.
            self._skip_unless_new(cursor, on, open_source(self.source), run_id)
        lock(cursor, on, *BOOKKEEPING)
        published = published_names(cursor, self.dataset, window) if self.partition else set()
        done = [execute(cursor, statement) for statement in self.beforehand]
        number = begin_reading(cursor, run_id, self.dataset)
        forgotten = forgotten_users(cursor) if self.user_column else frozenset()
        commit(cursor)
        self.log.info("Reading number %s. %s", number, ", ".join(done))
        source = open_source(self.source)
        found = {pattern: find(source, pattern) for pattern in self.patterns.splitlines()}
        missing = [pattern for pattern, files in found.items() if not files]
        reading = Reading(
            number,
            run_id,
            window,
            self.dataset,
            source.url,
            self._new(cursor, source, found) if self.only_new else _files(found),
            missing,
            Partition.from_settings(self.partition) if self.partition else None,
            self.time_column,
            self.only_new,
            Forgotten(self.user_column, forgotten),
        )
        if reading.partition:
            missing = _missing(source, reading, reading.partition, published)
            reading = replace(reading, missing=missing)
        if reading.missing:
            self._warn_of(reading.missing, source)
        size = sum(file.size for file in reading.files)
        self.log.info("Reading %s files (%s bytes) of %s", len(reading.files), size, self.source)
        return reading

    def _skip_unless_new(self, cursor: Any, on: str, source: Source, run_id: str) -> None:
        """Skip the task unless a file is new or has changed; the first one ends the search."""
        known = known_songs(cursor, source.url, run_id)
        found: dict[str, list[SourceFile]] = {}
        for pattern in self.patterns.splitlines():
            found[pattern] = []
            for file in matching(source, pattern):
                if file.version not in known.versions:
                    return
                found[pattern].append(file)
        if known.are_read:
            # The audit would judge files that are no longer so, or no longer this run's to load.
            lock(cursor, on, "file_ledger")
            set_aside(cursor, self.dataset, run_id)
            commit(cursor)
        self._skip(source, found)

    def _new(
        self, cursor: Any, source: Source, found: Mapping[str, Sequence[SourceFile]]
    ) -> list[SourceFile]:
        """Return the files that are new or changed; skip the task if there are none."""
        published = published_songs(cursor, source.url)
        new = [file for file in _files(found) if file.version not in published]
        return new or self._skip(source, found)

    def _skip(self, source: Source, found: Mapping[str, Sequence[SourceFile]]) -> NoReturn:
        """End the task as skipped, since none of the files is new."""
        if missing := [pattern for pattern, matches in found.items() if not matches]:
            self._warn_of(missing, source)
        raise AirflowSkipException(
            f"Nothing to read: none of {len(_files(found))} files is new or changed since they "
            "were last loaded."
        )

    def _warn_of(self, missing: Sequence[str], source: Source) -> None:
        """Log which files are missing, which variable names them, and which files exist."""
        more = len(missing) - SHOWN_MISSING
        names = nearby_names(source, missing[0])
        self.log.warning(
            "Missing: no file %s%s. The variable %s, which is %r, gives these names. %s The run "
            "continues without them; load its time again once the files are there.",
            ", ".join(missing[:SHOWN_MISSING]),
            f" (and {more} more)" if more > 0 else "",
            self.named_by,
            self.partition or self.patterns,
            f"The source holds {'files such as ' + ', '.join(names) if names else 'no files'}.",
        )

    def _summary(self, reading: Reading, tally: Tally) -> dict[str, int]:
        summary = {
            "files": len(reading.files) - len(tally.gone),
            "missing": len(reading.missing) + len(tally.gone),
            "rows": tally.rows.total(),
            "rejects": tally.rejects.total(),
            "forgotten": tally.forgotten.total(),
        }
        self.log.info("Staged in %s: %s", self.table, summary)
        return summary


def _files(found: Mapping[str, Sequence[SourceFile]]) -> list[SourceFile]:
    """Return each of the files once."""
    return list(dict.fromkeys(file for matches in found.values() for file in matches))


def _missing(
    source: Source, reading: Reading, partition: Partition, published: set[str]
) -> list[str]:
    """Return the missing files that should exist: of the window's time, or published before."""
    # A neighbouring file, read only because of the slack, need not exist.
    own = set(replace(partition, slack=timedelta()).patterns(reading.window))
    missing = [pattern for pattern in reading.missing if pattern in own]
    gone = published - {file.name for file in reading.files}
    # If the template has changed, a file may exist without being looked for.
    gone -= {file.name for file in source.list(beginning(list(gone)))} if gone else set()
    return [*missing, *sorted(gone.difference(missing))]
