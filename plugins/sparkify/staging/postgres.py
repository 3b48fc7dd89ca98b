"""Stream files into PostgreSQL: rows, rejects and ledger entries in one transaction."""

import logging
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from sparkify.records.background import in_background
from sparkify.records.blocks import blocks
from sparkify.records.columns import SOURCE_FILE, columns_of
from sparkify.records.encoding import encoder
from sparkify.records.file_keys import FileKeys
from sparkify.records.growing import ChangedError
from sparkify.records.keys import KeyMap
from sparkify.records.reader import ENOUGH, Batch, RecordReader
from sparkify.records.spans import file_spans
from sparkify.sources.base import Source, SourceFile
from sparkify.staging.growing import (
    End,
    GrowingReader,
    growing_file,
    last_end,
    reading_salt,
    record_end,
)
from sparkify.staging.ledger import REJECTS, Reading, Tally, check_rejects, record_reading
from sparkify.warehouse import POSTGRES, as_csv, rollback

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 5


def stage(
    cursor: Any, source: Source, reading: Reading, table: str, rules: Mapping[str, str]
) -> Tally:
    """
    Recreate a run's staging table and fill it with the records of the reading's files.

    A file that grows is read from where its last reading ended, as far as that is unchanged.
    Reading, parsing and COPY overlap, block by block. Table, rejects and ledger entries are one
    transaction, which the caller commits.
    """
    file = growing_file(reading)
    if file and (before := last_end(cursor, reading, file)):
        try:
            return _stage(cursor, source, reading, table, rules, file, before)
        except ChangedError:
            rollback(cursor)
            log.info(
                "%s is read from its start, as what reading %s found is no longer in it, or "
                "another run has read it since",
                *(file.url, before.reading),
            )
    return _stage(cursor, source, reading, table, rules, file, None)


def _stage(
    cursor: Any,
    source: Source,
    reading: Reading,
    table: str,
    rules: Mapping[str, str],
    file: SourceFile | None,
    before: End | None,
) -> Tally:
    """
    Stage a reading's files, as ``stage`` does.

    :param file: the only file, if it may grow until the next reading
    :param before: where to go on reading it
    """
    columns = columns_of(cursor, reading.dataset)
    keys = FileKeys(KeyMap(column.name for column in columns), by_file=not reading.by_file)
    tally = Tally(keys=keys)
    spans = file_spans(reading.files, reading.partition, reading.time_column)
    reader = RecordReader(
        columns,
        rules,
        spans,
        reading.forgotten,
        by_file=reading.by_file,
        held_back=0 if file else ENOUGH,
    )
    grown = None
    if file:
        salt = reading_salt(reading, columns, rules)
        grown = GrowingReader(source, file, reading, reader, tally, salt, before)
        batches = grown.batches(partial(keys.watch, files=reading.files))
    else:
        found = keys.watch(blocks(source, reading.files, tally.gone.add), reading.files)
        batches = in_background(reader.batches(found))
    cursor.execute(f"drop table if exists {table}")
    like = f"like {reading.dataset} including defaults including statistics"
    more = f", {SOURCE_FILE.definition}" if reading.by_file else ""
    cursor.execute(f"create table {table} ({like}{more})")
    with tempfile.SpooledTemporaryFile(max_size=1 << 20) as rejects:
        rows = encoder(reader.staged)
        names = ", ".join(column.name for column in reader.staged)
        # Frozen, so that the first reader need not mark each row as committed. Nobody sees the
        # table before its rows.
        statement = f"copy {table} ({names}) from stdin (format {rows.form}, freeze)"
        with cursor.copy(statement) as copy:
            copy.write(rows.begin())
            for batch in _count_batches(batches, reading, tally):
                for frame in batch.frames:
                    for piece in rows.rows(frame):
                        copy.write(piece)
                rejects.write(as_csv(reading.reject_rows(batch.rejects)))
            copy.write(rows.end())
        _check_rows(cursor.rowcount, reading, tally)
        record_reading(cursor, POSTGRES, reading, tally)
        record_end(cursor, reading, grown)
        rejects.seek(0)
        with cursor.copy(f"copy rejected_rows ({REJECTS}) from stdin (format csv)") as copy:
            while piece := rejects.read(1 << 20):
                copy.write(piece)
        check_rejects(cursor.rowcount, reading, tally)
    for gone in tally.gone:
        log.warning("Missing: %s has gone since it was listed.", gone.url)
    # Without statistics the planner expects almost no plays in a new table. A tenth of the
    # usual sample suffices.
    cursor.execute("set local default_statistics_target = 10")
    cursor.execute(f"analyze {table}")
    return tally


def _check_rows(staged: int, reading: Reading, tally: Tally) -> None:
    """Check that the warehouse stored every row."""
    if staged != tally.staged:
        raise AirflowFailException(
            f"{tally.staged} rows of {reading.dataset} were sent to the warehouse, but it "
            f"stored {staged}; nothing was staged. Clear this task; if it happens again, report it "
            "with the file: the reader has a bug."
        )


def _count_batches(batches: Iterable[Batch], reading: Reading, tally: Tally) -> Iterator[Batch]:
    """Yield the batches, counting rows and logging progress."""
    files = len(reading.files)
    logged_at = time.monotonic()
    for batch in batches:
        tally.count(batch)
        yield batch
        if time.monotonic() - logged_at > PROGRESS_SECONDS:
            logged_at = time.monotonic()
            log.info("%s rows of %s of %s files", tally.rows.total(), len(tally.rows), files)
