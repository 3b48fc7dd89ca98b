"""Stages files in the warehouse, whichever engine it runs on."""

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook
from airflow.providers.amazon.aws.transfers.s3_to_redshift import S3ToRedshiftOperator
from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from sparkify.operators.errors import VisibleErrorsMixin
from sparkify.settings import WAREHOUSE, setting
from sparkify.sources.base import Source, SourceFile
from sparkify.sources.open import find, nearby_names, open_source
from sparkify.sources.partitions import Partition
from sparkify.staging.ledger import Reading, Tally, begin_reading, published_names, unpublished
from sparkify.staging.prefixes import beginning
from sparkify.warehouse import POSTGRES, engine, execute, quoted, transaction, warehouse_hook
from sparkify.window import Window

SHOWN_MISSING = 5

COPY_OPTIONS = (
    "timeformat 'epochmillisecs'",
    "emptyasnull",
    # As many as there can be: every one is kept, and the audit weighs them.
    "maxerror 100000",
    # A table of one run is not worth a search for its best compression.
    "compupdate off",
)


class S3ToWarehouseOperator(VisibleErrorsMixin, S3ToRedshiftOperator):
    """
    Copy JSON files into a run's own staging table: the provider's COPY, also for PostgreSQL.

    On a ``postgres`` connection the same files are streamed through COPY FROM STDIN.

    :param table: the run's staging table, made anew (templated)
    :param dataset: the table it is made like, and the name of the files' kind in the ledger
    :param source: URL of the source: ``s3://bucket/prefix`` or ``file:///folder`` (templated)
    :param patterns: globs of the files to read, relative to the source (templated; a list, or one
        a line). A pattern that matches no file is recorded as missing
    :param rules: reason to predicate: records that are rejected although each value fits
    :param partition: template of the time whose records a file of this name holds, if it holds any
        (templated); a record of another time is rejected
    :param named_by: the variable that the patterns come from, for messages
    :param time_column: the column that holds a record's time
    :param beforehand: statements, or files, that are run first, in a transaction of their own: so
        what they write stays when the run fails (templated)
    :param jsonpaths: URL of a JSONPaths file for Redshift's COPY; without one a key fills the
        column of its name, whatever its case (templated)
    :param only_new: read only files that are new or changed since a run last published them, and
        say of each row in which file it is, in the column ``source_file``; skip when there is none
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
        self.beforehand = list(beforehand)
        self.jsonpaths = jsonpaths
        self.only_new = only_new

    def execute(self, context: Context) -> dict[str, int]:  # type: ignore[override]
        """Read the files and return what came of them, for the run's XCom."""
        if engine(self.redshift_conn_id) == POSTGRES:
            reading, tally = self._land(warehouse_hook(self.redshift_conn_id), context)
        else:
            reading, tally = self._copy_in(warehouse_hook(self.redshift_conn_id), context)
        return self._summary(reading, tally)

    def _land(self, hook: PostgresHook, context: Context) -> tuple[Reading, Tally]:
        if self.jsonpaths:
            raise AirflowFailException(
                f"The variable sparkify_jsonpaths is {self.jsonpaths!r}, and the connection "
                f"{self.redshift_conn_id} is of type postgres. JSONPaths are for Redshift's COPY; "
                "on PostgreSQL a key fills the column of its name. Remove the variable."
            )
        reading = self._reading(hook, context)
        # Polars' threads would cost more than they give: reading, parsing and COPY overlap instead.
        os.environ.setdefault("POLARS_MAX_THREADS", "1")
        # Only now: importing polars takes longer than Airflow needs for a whole task, and every
        # task of the DAG imports this module.
        from sparkify.staging.postgres import stage

        source = open_source(self.source)
        return reading, stage(hook, source, reading, self.table, self.rules)

    def _copy_in(self, hook: RedshiftSQLHook, context: Context) -> tuple[Reading, Tally]:
        # Only what copies waits for the import.
        from sparkify.staging.redshift import Copy, source_in_s3, stage

        def run(one: Copy) -> None:
            # The provider's operator has one place to read from; ours may have several.
            its = copy.copy(self)
            its.s3_bucket, its.s3_key = one.bucket, one.key
            its.copy_options = [*self._copy_options(), *one.options]
            S3ToRedshiftOperator.execute(its, context)

        source = source_in_s3(self.source)
        reading = self._reading(hook, context)
        manifests = setting("manifest_prefix")
        return reading, stage(hook, source, reading, self.table, self.rules, manifests, run)

    def _copy_options(self) -> list[str]:
        return [f"json {quoted(self.jsonpaths or 'auto ignorecase')}", *COPY_OPTIONS]

    def _reading(self, hook: DbApiHook, context: Context) -> Reading:
        """What this run has to read: files found, and patterns that matched none."""
        window = Window.of_run(context)
        published: set[str] = set()
        with transaction(hook) as cursor:
            if self.partition:
                published = published_names(cursor, self.dataset, window)
                # It is let go of before anything is locked, which comes in a set order.
                cursor.execute("commit")
            done = [execute(cursor, statement) for statement in self.beforehand]
            number = begin_reading(hook, cursor, context["run_id"], self.dataset)
        self.log.info("Reading number %s. %s", number, ", ".join(done))
        source = open_source(self.source)
        found: dict[SourceFile, None] = {}
        missing: list[str] = []
        for pattern in self.patterns.splitlines():
            matches = find(source, pattern)
            found |= dict.fromkeys(matches)
            missing += [] if matches else [pattern]
        reading = Reading(
            number,
            context["run_id"],
            window,
            self.dataset,
            source.url,
            list(found),
            missing,
            Partition.from_settings(self.partition) if self.partition else None,
            self.time_column,
            self.only_new,
        )
        if reading.partition:
            missing = _missing(source, reading, reading.partition, published)
            reading = replace(reading, missing=missing)
        if reading.missing:
            self._warn_of(reading.missing, source)
        if self.only_new:
            new = unpublished(hook, reading)
            if not new:
                raise AirflowSkipException(
                    f"Nothing to read: {len(found)} files, none new or changed since they were "
                    "last loaded."
                )
            reading = replace(reading, files=new)
        size = sum(file.size for file in reading.files)
        self.log.info("Reading %s files (%s bytes) of %s", len(reading.files), size, self.source)
        return reading

    def _warn_of(self, missing: Sequence[str], source: Source) -> None:
        """Say which files are not there, what names them so, and what is there instead."""
        more = len(missing) - SHOWN_MISSING
        names = nearby_names(source, missing[0])
        self.log.warning(
            "Missing: no file %s%s. The variable %s, which is %r, names files so. %s The run goes "
            "on without; load its time again once the files are there.",
            ", ".join(missing[:SHOWN_MISSING]),
            f" (and {more} more)" if more > 0 else "",
            self.named_by,
            self.partition or self.patterns,
            f"What is there: {', '.join(names)}." if names else "The source holds no file at all.",
        )

    def _summary(self, reading: Reading, tally: Tally) -> dict[str, int]:
        summary = {
            "files": len(reading.files) - len(tally.gone),
            "missing": len(reading.missing) + len(tally.gone),
            "rows": tally.rows.total(),
            "rejects": tally.rejects.total(),
        }
        self.log.info("Staged in %s: %s", self.table, summary)
        return summary


def _missing(
    source: Source, reading: Reading, partition: Partition, published: set[str]
) -> list[str]:
    """What should be there: files of the window's own time, and those it was published from."""
    # A neighbouring file that is read only for the slack need not be there.
    own = set(replace(partition, slack=timedelta()).patterns(reading.window))
    missing = [pattern for pattern in reading.missing if pattern in own]
    gone = published - {file.name for file in reading.files}
    # Where names are put together in another way now, a file may be there and not be looked for.
    gone -= {file.name for file in source.list(beginning(list(gone)))} if gone else set()
    return [*missing, *sorted(gone.difference(missing))]
