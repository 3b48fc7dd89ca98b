"""The file ledger: which version of which files a run read, and which records it rejected."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from sparkify.records.file_keys import FileKeys
from sparkify.records.objects import LONGEST_TEXT
from sparkify.records.rejects import Forgotten, Reject
from sparkify.sources.base import SourceFile
from sparkify.sources.partitions import Partition
from sparkify.warehouse import insert_rows, lock
from sparkify.window import Window, naive

if TYPE_CHECKING:  # it imports polars, which is slow
    from sparkify.records.reader import Batch

REJECTS = (
    "dataset, source, source_file, line_number, column_name, reason, raw_text, run_id, rejected_at"
)
LONGEST_REASON = 4096
"""How many bytes of a reject's reason are kept, on both engines."""

LEDGER = (
    "dataset, source, source_file, run_id, reading, window_start, window_end, read_at, "
    "span_start, span_end, etag, size_bytes, line_count, folded_count, forgotten_count, row_count, "
    "reject_count, continued_count"
)

FILE_KEYS = (
    "dataset, source_file, reading, span_start, sample, key_name, column_name, kind, "
    "record_count, sampled_count"
)
LONGEST_KEY = 128
"""How many bytes of a key are kept, on both engines."""


class Continued(NamedTuple):
    """
    What an earlier reading has done for a file.

    :param lines: how many lines that reading found, the rejects of which stay as they are
    :param rows: rows that it staged, and that are not staged again
    """

    lines: int
    rows: int
    rejects: int


@dataclass
class Tally:
    """
    The counts of a reading, by file.

    :param gone: files deleted between listing and opening, which count as missing
    :param keys: samples of the files' keys
    :param continued: what is counted, but was done by an earlier reading
    """

    lines: Counter[SourceFile] = field(default_factory=Counter)
    folded: Counter[SourceFile] = field(default_factory=Counter)
    forgotten: Counter[SourceFile] = field(default_factory=Counter)
    rows: Counter[SourceFile] = field(default_factory=Counter)
    rejects: Counter[SourceFile] = field(default_factory=Counter)
    gone: set[SourceFile] = field(default_factory=set)
    keys: FileKeys | None = None
    continued: dict[SourceFile, Continued] = field(default_factory=dict)

    @property
    def staged(self) -> int:
        """How many rows this reading itself has staged."""
        return self.rows.total() - sum(done.rows for done in self.continued.values())

    @property
    def rejected(self) -> int:
        """How many records this reading itself has rejected."""
        return self.rejects.total() - sum(done.rejects for done in self.continued.values())

    def go_on(self, file: SourceFile, counts: Sequence[int], lines: int, again: int) -> None:
        """
        Count what an earlier reading has counted of a file.

        :param counts: its lines, folded lines, forgotten records, rows and rejects
        :param lines: how many lines, blank ones included, it found
        :param again: how many of its rows are staged again
        """
        for counter, count in zip(self._counters, counts, strict=True):
            counter[file] += count
        *_, rows, rejects = counts
        self.continued[file] = Continued(lines, rows - again, rejects)

    def count(self, batch: "Batch") -> None:
        """Add a batch."""
        self.lines.update(batch.lines)
        self.folded.update(batch.folded)
        self.forgotten.update(batch.forgotten)
        self.rows.update(batch.rows)
        self.count_rejects(batch.rejects)

    def count_rejects(self, rejects: Iterable[Reject]) -> None:
        """Add rejects, or what was forgotten instead."""
        for reject in rejects:
            counter = self.forgotten if reject.is_forgotten else self.rejects
            counter[reject.file] += 1

    def of(self, file: SourceFile) -> tuple[int, ...]:
        """Return the lines, folded lines, forgotten records, rows and rejects of one file."""
        return tuple(counter.get(file, 0) for counter in self._counters)

    def continued_rows(self, file: SourceFile) -> int | None:
        """Return how many rows of a file only an earlier reading staged; None if all were read."""
        return self.continued[file].rows if file in self.continued else None

    @property
    def _counters(self) -> Sequence[Counter[SourceFile]]:
        return self.lines, self.folded, self.forgotten, self.rows, self.rejects


@dataclass(frozen=True)
class Reading:
    """
    One run's reading of files from a source into the staging table of a dataset.

    :param number: sequence number, in the order in which readings began
    :param partition: determines the time that a file may hold from its name, if it holds events
    :param time_column: column with the time of a row
    :param by_file: whether each row names its file in the column ``source_file``
    :param forgotten: users whose records are left out
    """

    number: int
    run_id: str
    window: Window
    dataset: str
    source: str
    files: Sequence[SourceFile]
    missing: Sequence[str] = ()
    partition: Partition | None = None
    time_column: str = ""
    by_file: bool = False
    forgotten: Forgotten = field(default_factory=Forgotten)
    read_at: datetime = field(default_factory=lambda: naive(datetime.now(UTC)))

    def reject_rows(self, rejects: Iterable[Reject]) -> Iterator[tuple[Any, ...]]:
        """Yield the rejects as rows of the columns ``REJECTS``, except forgotten records."""
        return (
            (
                self.dataset,
                self.source,
                reject.file.name,
                reject.line,
                reject.column,
                _storable(reject.reason, LONGEST_REASON),
                _storable(reject.text, LONGEST_TEXT) or None,
                self.run_id,
                self.read_at,
            )
            for reject in rejects
            if not reject.is_forgotten
        )

    def ledger_rows(self, tally: Tally) -> list[tuple[Any, ...]]:
        """Return one row of the columns ``LEDGER`` per file; a missing file has no etag."""
        found = [
            (file.name, (file.etag, file.size, *tally.of(file), tally.continued_rows(file)))
            for file in self.files
            if file not in tally.gone
        ]
        # A song file that has gone is not recorded, whether it was still listed or not.
        gone = [file.name for file in tally.gone] if self.partition else []
        absent = [(name, (None, 0, 0, 0, 0, 0, 0, None)) for name in [*self.missing, *gone]]
        run = (
            self.run_id,
            self.number,
            naive(self.window.start),
            naive(self.window.end),
            self.read_at,
        )
        return [
            (self.dataset, self.source, name, *run, *self._span(name), *figures)
            for name, figures in [*found, *absent]
        ]

    def key_rows(self, keys: FileKeys) -> list[tuple[Any, ...]]:
        """Return the samples of keys as rows of the columns ``FILE_KEYS``."""
        return [
            (
                self.dataset,
                row.file.name,
                self.number,
                self._span(row.file.name)[0],
                row.sample,
                _storable(row.key, LONGEST_KEY),
                row.column,
                row.kind,
                row.records,
                row.sampled,
            )
            for row in keys.rows()
        ]

    @cached_property
    def spans(self) -> dict[str, Window]:
        """The time that each event file, found or missing, may hold."""
        if not self.partition:
            return {}
        names = [*(file.name for file in self.files), *self.missing]
        return {name: span for name in names if (span := self.partition.span(name))}

    def _span(self, name: str) -> tuple[datetime | None, datetime | None]:
        found = self.spans.get(name)
        return (naive(found.start), naive(found.end)) if found else (None, None)


def begin_reading(cursor: Any, run_id: str, dataset: str) -> int:
    """
    Number a reading, to be committed before files are listed; ``readings`` must be locked.

    The warehouse assigns the numbers, since the clocks of workers differ.
    """
    cursor.execute("select coalesce(max(reading), 0) + 1 from readings")
    [number] = cursor.fetchone()
    cursor.execute(
        "insert into readings (reading, dataset, run_id, began_at) values (%s, %s, %s, %s)",
        (number, dataset, run_id, naive(datetime.now(UTC))),
    )
    return int(number)


def published_names(cursor: Any, dataset: str, window: Window) -> set[str]:
    """Return the names of the files, of any source, from which the window was published."""
    cursor.execute(
        "select distinct source_file from file_ledger where dataset = %s and etag is not null "
        "and published_at is not null and span_start < %s and span_end > %s",
        (dataset, naive(window.end), naive(window.start)),
    )
    return {name for (name,) in cursor.fetchall()}


def forgotten_users(cursor: Any) -> frozenset[int]:
    """Return the ids of the users to leave out."""
    cursor.execute("select user_id from forgotten_users")
    return frozenset(user for (user,) in cursor.fetchall())


def record_reading(cursor: Any, on: str, reading: Reading, tally: Tally) -> None:
    """
    Record what was read, and mark earlier rejects of these files as resolved by this run.

    So a file's open rejects are those of its last reading, and of those that it continues.
    """
    lock(cursor, on, "file_keys", "file_ledger", "rejected_rows")
    # Whoever is forgotten from here on is erased from the staging table too.
    if reading.forgotten.column and reading.forgotten.users != forgotten_users(cursor):
        raise AirflowException(
            "Users were forgotten while the files were read; nothing was staged. Airflow retries "
            "the task, which then leaves them out."
        )
    set_aside(cursor, reading.dataset, reading.run_id)
    insert_rows(on, cursor, "file_ledger", LEDGER, reading.ledger_rows(tally))
    if tally.keys:
        insert_rows(on, cursor, "file_keys", FILE_KEYS, reading.key_rows(tally.keys))
    # No other file is read with one that is continued.
    known = max((done.lines for done in tally.continued.values()), default=0)
    cursor.execute(
        "update rejected_rows set resolved_by = %s where resolved_at is null and dataset = %s "
        "and source = %s and source_file in (select source_file from file_ledger "
        "where dataset = %s and run_id = %s and etag is not null) "
        # Redshift's COPY does not always tell the line.
        "and coalesce(line_number, 1) > %s",
        (reading.run_id, reading.dataset, reading.source, reading.dataset, reading.run_id, known),
    )


def set_aside(cursor: Any, dataset: str, run_id: str) -> None:
    """
    Take from a run the entries of its earlier tries, which are no longer to be judged as its own.

    They stay in the ledger: published ones show which files the warehouse must not lose.
    """
    cursor.execute(
        "update file_ledger set run_id = '' where dataset = %s and run_id = %s", (dataset, run_id)
    )


def check_rejects(kept: int, reading: Reading, tally: Tally) -> None:
    """Check that the warehouse stored every reject."""
    if kept != tally.rejected:
        raise AirflowFailException(
            f"{tally.rejected} records of {reading.dataset} were rejected, but the "
            f"warehouse stored {kept} of them; nothing was staged. Clear this task; if it happens "
            "again, report it with the file."
        )


def _storable(text: str, most: int) -> str:
    """Truncate text to this many bytes, and escape invalid UTF-8 and NULs."""
    escaped = text[:most].encode("utf-8", "backslashreplace").replace(b"\0", rb"\x00")
    return escaped[:most].decode(errors="ignore")
