"""Go on reading a file that grows from where the last reading of it ended."""

import json
import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sparkify import __version__
from sparkify.records import blocks
from sparkify.records.background import in_background
from sparkify.records.blocks import Block
from sparkify.records.columns import Column
from sparkify.records.growing import ChangedError, GrowingText
from sparkify.records.reader import Batch, RecordReader
from sparkify.settings import lookback
from sparkify.sources.base import Source, SourceFile
from sparkify.staging.ledger import Reading, Tally
from sparkify.warehouse import POSTGRES, insert_rows
from sparkify.window import full_hour, naive, shift

log = logging.getLogger(__name__)

FILE_ENDS = (
    "dataset, source, source_file, reading, etag, text_bytes, text_lines, digest, later, later_from"
)


class End(NamedTuple):
    """
    Where the last reading of a file ended.

    :param size: bytes of text
    :param lines: how many of its lines had ended
    :param digest: of the text, and of what else decides what becomes of it
    :param later: all events before the place ``later_from`` are earlier than this
    :param counts: what the text held according to the ledger, as in a tally
    """

    reading: int
    size: int
    lines: int
    digest: str
    later: datetime
    later_from: int
    counts: Sequence[int] = ()


def growing_file(reading: Reading) -> SourceFile | None:
    """Return the only file of a reading, if it holds more time than the run loads."""
    if not reading.partition or len(reading.files) != 1:
        return None
    [file] = reading.files
    span, window = reading.spans.get(file.name), reading.window
    # A file of one block is read as fast as its beginning is compared.
    if file.size <= blocks.BLOCK or not span:
        return None
    return file if span.start < window.start or window.end < span.end else None


def last_end(cursor: Any, reading: Reading, file: SourceFile) -> End | None:
    """
    Return where the last reading of a file ended, if this one can go on from there.

    That is, if the run needs no event before ``later_from``, and the last reading is published, so
    that the warehouse knows what it saw of each hour. This is noted for the run.
    """
    needed_from = _needed_from(reading)
    cursor.execute(
        "select ends.reading, ends.text_bytes, ends.text_lines, ends.digest, ends.later, "
        "ends.later_from, ledger.line_count, ledger.folded_count, ledger.forgotten_count, "
        "ledger.row_count, ledger.reject_count from file_ends as ends inner join file_ledger as "
        "ledger on ends.reading = ledger.reading and ends.source_file = ledger.source_file "
        "where ends.dataset = %s and ends.source = %s and ends.source_file = %s "
        "and ends.later <= %s and ledger.published_at is not null",
        (reading.dataset, reading.source, file.name, needed_from),
    )
    row = cursor.fetchone()
    if not (row and reading.partition):
        return None
    number, size, lines, digest, later, later_from, *counts = row
    end = End(number, size, lines, digest, later, later_from, counts)
    earlier = (
        naive(reading.partition.whole_hours(reading.window).start),
        needed_from,
        end.reading,
    )
    hours = "from hour_loads where hour_start >= %s and hour_start < %s and files_reading"
    cursor.execute(f"select count(*) {hours} > %s", earlier)
    [seen_by_newer] = cursor.fetchone()
    if seen_by_newer:
        return None
    cursor.execute(
        "insert into continued_hours (reading, hour_start, events, content) "
        f"select %s, hour_start, events_in_files, content_in_files {hours} = %s",
        (reading.number, *earlier),
    )
    return end


def record_end(cursor: Any, reading: Reading, grown: "GrowingReader | None") -> None:
    """
    Record where a reading ended, if the next one can go on from there.

    Raises ChangedError if it went on from a reading that is no longer the last one of its file. The
    bookkeeping must be locked.
    """
    if grown and grown.before:
        cursor.execute(
            "select count(*) from file_ends where dataset = %s and source = %s "
            "and source_file = %s and (reading = %s or etag = %s)",
            (
                reading.dataset,
                reading.source,
                grown.file.name,
                grown.before.reading,
                grown.file.etag,
            ),
        )
        [is_last] = cursor.fetchone()
        if not is_last:
            raise ChangedError
    cursor.execute(
        "delete from file_ends where dataset = %s and source = %s and source_file in "
        "(select source_file from file_ledger where dataset = %s and run_id = %s)",
        (reading.dataset, reading.source, reading.dataset, reading.run_id),
    )
    if grown and (end := grown.end):
        place = (reading.dataset, reading.source, grown.file.name)
        row = (*place, end.reading, grown.file.etag, *end[1:-1])
        insert_rows(POSTGRES, cursor, "file_ends", FILE_ENDS, [row])


class GrowingReader:
    """
    Reads a file that may grow until the next reading.

    The lines that the last reading has staged are read again only where the run may need them; all
    before them are only compared.

    :param salt: what decides what becomes of a line
    :param before: where to go on
    """

    def __init__(
        self,
        source: Source,
        file: SourceFile,
        reading: Reading,
        reader: RecordReader,
        tally: Tally,
        salt: str,
        before: End | None,
    ) -> None:
        self._source = source
        self.file = file
        self.before = before
        self._reading = reading
        self._reader = reader
        self._tally = tally
        self._salt = salt
        self.end: End | None = None
        # The next run needs all of the hour in which its lookback begins.
        later = naive(full_hour(shift(reading.window.end, -lookback())))
        self._later = max(later, before.later) if before else later
        self._later_from: int | None = None

    def batches(self, watch: Callable[[Iterator[Block]], Iterator[Block]]) -> Iterator[Batch]:
        """
        Yield the rows that the run may need, and the rejects that no reading before has stored.

        Raises ChangedError if what was read before has changed.

        :param watch: passes the blocks on that were not read before
        """
        try:
            text = GrowingText(self._source, self.file, self._salt)
        except FileNotFoundError:
            self._tally.gone.add(self.file)
            return
        with text:
            if self.before:
                yield from self._read_again(text, self.before)
            is_closed = yield from self._read(text, watch(text.blocks()))
            if is_closed:
                later_from = text.size if self._later_from is None else self._later_from
                place = (text.size, text.lines, text.digest, self._later, later_from)
                self.end = End(self._reading.number, *place)

    def _read_again(self, text: GrowingText, before: End) -> Iterator[Batch]:
        """Yield the rows that the run needs of what was read before; all is counted already."""
        column, needed_from, again = self._reading.time_column, _needed_from(self._reading), 0
        text.skip(before.later_from)
        for batch in self._read(text, text.blocks(before.size)):
            frames = [frame.filter(frame[column] >= needed_from) for frame in batch.frames]
            again += sum(frame.height for frame in frames)
            yield Batch(frames)
        if (text.size, text.digest) != (before.size, before.digest):
            raise ChangedError
        text.lines = before.lines
        self._tally.go_on(self.file, before.counts, before.lines, again)
        log.info(
            "The first %s bytes of %s are as reading %s found them; the rest is read",
            *(before.size, self.file.url, before.reading),
        )

    def _read(self, text: GrowingText, found: Iterator[Block]) -> Generator[Batch, None, bool]:
        """Yield the batches, one per block; return whether the last line is plain."""
        is_closed, begins = True, text.size
        for batch in in_background(self._reader.batches(found)):
            if text.places:
                place = text.places.popleft()
                # Where an object may go on from the block before, nothing can begin.
                begins = place if is_closed else begins
                is_closed = batch.is_closed
            if self._later_from is None and self._holds_later(batch):
                self._later_from = begins
            yield batch
        return is_closed

    def _holds_later(self, batch: Batch) -> bool:
        """Whether an event of a batch is not earlier than what the next run may need."""
        column = self._reading.time_column
        return any((frame[column] >= self._later).any() for frame in batch.frames)


def _needed_from(reading: Reading) -> datetime:
    """Return the earliest time of the events that the reading's run needs."""
    return naive(reading.window.touched_hours.start)


def reading_salt(reading: Reading, columns: Sequence[Column], rules: Mapping[str, str]) -> str:
    """Return all that decides, besides its text, what becomes of a line of the reading's file."""
    decisive = (
        __version__,
        [(column.definition, column.required) for column in columns],
        dict(rules),
        [(str(span.start), str(span.end)) for span in reading.spans.values()],
        (reading.forgotten.column, sorted(reading.forgotten.users)),
    )
    return json.dumps(decisive)
