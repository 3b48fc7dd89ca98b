"""Stream files into PostgreSQL: rows, rejects and ledger entries in one transaction."""

import logging
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from sparkify.records.blocks import blocks
from sparkify.records.columns import SOURCE_FILE, columns_of
from sparkify.records.encoding import encoder
from sparkify.records.file_keys import FileKeys
from sparkify.records.keys import KeyMap
from sparkify.records.reader import Batch, RecordReader
from sparkify.records.spans import file_spans
from sparkify.sources.base import Source
from sparkify.staging.background import in_background
from sparkify.staging.ledger import REJECTS, Reading, Tally, check_rejects, record_reading
from sparkify.warehouse import POSTGRES, as_csv

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 5


def stage(
    cursor: Any, source: Source, reading: Reading, table: str, rules: Mapping[str, str]
) -> Tally:
    """
    Recreate a run's staging table and fill it with the records of the reading's files.

    Reading, parsing and COPY overlap, block by block. Table, rejects and ledger entries are one
    transaction, which the caller commits.
    """
    columns = columns_of(cursor, reading.dataset)
    keys = FileKeys(KeyMap(column.name for column in columns), by_file=not reading.by_file)
    tally = Tally(keys=keys)
    spans = file_spans(reading.files, reading.partition, reading.time_column)
    reader = RecordReader(columns, rules, spans, reading.forgotten, by_file=reading.by_file)
    batches = in_background(
        reader.batches(
            in_background(keys.watch(blocks(source, reading.files, tally.gone.add), reading.files))
        )
    )
    cursor.execute(f"drop table if exists {table}")
    more = f", {SOURCE_FILE.definition}" if reading.by_file else ""
    cursor.execute(f"create table {table} (like {reading.dataset} including defaults{more})")
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
        rejects.seek(0)
        with cursor.copy(f"copy rejected_rows ({REJECTS}) from stdin (format csv)") as copy:
            while piece := rejects.read(1 << 20):
                copy.write(piece)
        check_rejects(cursor.rowcount, reading, tally)
    for file in tally.gone:
        log.warning("Missing: %s has gone since it was listed.", file.url)
    # Without statistics the planner expects almost no plays in a new table. A tenth of the
    # usual sample suffices.
    cursor.execute("set local default_statistics_target = 10")
    cursor.execute(f"analyze {table}")
    return tally


def _check_rows(staged: int, reading: Reading, tally: Tally) -> None:
    """Check that the warehouse stored every row."""
    if staged != tally.rows.total():
        raise AirflowFailException(
            f"{tally.rows.total()} rows of {reading.dataset} were sent to the warehouse, but it "
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
