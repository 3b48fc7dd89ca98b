"""Files streamed into PostgreSQL: rows, rejects and ledger entries in one transaction."""

import logging
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk.exceptions import AirflowFailException

from sparkify.records.blocks import blocks
from sparkify.records.columns import SOURCE_FILE, columns_of
from sparkify.records.encoding import encoder
from sparkify.records.reader import Batch, RecordReader
from sparkify.records.spans import file_spans
from sparkify.sources.base import Source
from sparkify.staging.background import in_background
from sparkify.staging.ledger import REJECTS, Reading, Tally, check_kept, enter
from sparkify.warehouse import as_csv, transaction

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 5


def land(
    hook: PostgresHook, source: Source, reading: Reading, table: str, rules: Mapping[str, str]
) -> Tally:
    """
    Make a run's staging table anew and fill it with the records of the reading's files.

    Reading, parsing and COPY overlap, a block at a time. It is one transaction: after an error
    there is no table, no reject and no ledger entry of this try.
    """
    tally = Tally()
    with transaction(hook) as cursor:
        columns = columns_of(cursor, reading.dataset)
        spans = file_spans(reading.files, reading.partition, reading.time_column)
        reader = RecordReader(columns, rules, spans, by_file=reading.by_file)
        batches = in_background(
            reader.batches(in_background(blocks(source, reading.files, tally.gone.add)))
        )
        cursor.execute(f"drop table if exists {table}")
        more = f", {SOURCE_FILE.definition}" if reading.by_file else ""
        cursor.execute(f"create table {table} (like {reading.dataset} including defaults{more})")
        with tempfile.SpooledTemporaryFile(max_size=1 << 20) as rejects:
            rows = encoder(reader.landed)
            names = ", ".join(column.name for column in reader.landed)
            # Frozen, as nobody sees the new table before its rows: who reads them first need not
            # mark each as committed.
            statement = f"copy {table} ({names}) from stdin (format {rows.form}, freeze)"
            with cursor.copy(statement) as copy:
                copy.write(rows.begin())
                for batch in _counted(batches, reading, tally):
                    for frame in batch.frames:
                        for piece in rows.rows(frame):
                            copy.write(piece)
                    rejects.write(as_csv(reading.reject_rows(batch.rejects)))
                copy.write(rows.end())
            _compare(cursor.rowcount, reading, tally)
            enter(hook, cursor, reading, tally)
            rejects.seek(0)
            with cursor.copy(f"copy rejected_rows ({REJECTS}) from stdin (format csv)") as copy:
                while piece := rejects.read(1 << 20):
                    copy.write(piece)
            check_kept(cursor.rowcount, reading, tally)
        for file in tally.gone:
            log.warning("Missing: %s has gone since it was listed.", file.url)
        # Without it the planner takes nearly none of a new table's rows to be plays. What else it
        # asks of a sample, a tenth of the usual one tells it too.
        cursor.execute("set local default_statistics_target = 10")
        cursor.execute(f"analyze {table}")
    return tally


def _compare(landed: int, reading: Reading, tally: Tally) -> None:
    """Take the warehouse's word for how many rows it has, not the reader's."""
    if landed != tally.rows.total():
        raise AirflowFailException(
            f"{tally.rows.total()} rows of {reading.dataset} were sent to the warehouse, and it "
            f"took in {landed}; nothing was staged. Clear this task; should it come again, report "
            "it with the file: the reader is wrong."
        )


def _counted(batches: Iterable[Batch], reading: Reading, tally: Tally) -> Iterator[Batch]:
    """Yield the batches, counting rows and logging progress."""
    files = len(reading.files)
    said = time.monotonic()
    for batch in batches:
        tally.count(batch)
        yield batch
        if time.monotonic() - said > PROGRESS_SECONDS:
            said = time.monotonic()
            log.info("%s rows of %s of %s files", tally.rows.total(), len(tally.rows), files)
