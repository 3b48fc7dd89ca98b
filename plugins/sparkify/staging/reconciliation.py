"""Reconcile what COPY has loaded with the files: count, reject, name the file of each song."""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import polars as pl
from airflow.sdk.exceptions import AirflowException

from sparkify.records.blocks import blocks
from sparkify.records.columns import SOURCE_FILE, Column, columns_of
from sparkify.records.reader import RecordReader
from sparkify.records.rejects import Reject
from sparkify.records.spans import FileSpans
from sparkify.sources.base import SourceFile
from sparkify.sources.bucket import BucketSource
from sparkify.staging.copy_errors import copy_rejects, objects, value
from sparkify.staging.copy_log import LONGEST_NAME, Loads
from sparkify.staging.ledger import REJECTS, Reading, Tally, record_reading
from sparkify.staging.names import KEPT
from sparkify.staging.prefixes import beginning
from sparkify.staging.strays import agree, outside, separated
from sparkify.warehouse import REDSHIFT, autocommit, commit, insert_rows, without_values

log = logging.getLogger(__name__)

SHOWN = 20


class Snapshot(NamedTuple):
    """The table's rows by unit of time after these files, too, were copied."""

    files: Sequence[SourceFile]
    rows: Counter[datetime]


@dataclass
class Reconciliation:
    """
    Accounts for every record of the files as staged, or as rejected for a reason.

    :param snapshots: the table's rows by time, between two COPYs
    :param loads: what Redshift reports of the COPYs
    :param copy_files: fills the table with some files only
    """

    cursor: Any
    source: BucketSource
    reading: Reading
    table: str
    rules: Mapping[str, str]
    spans: FileSpans | None
    snapshots: Sequence[Snapshot]
    loads: Loads
    copy_files: Callable[[Sequence[SourceFile]], None]
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self.files = {file.url[:LONGEST_NAME]: file for file in self.reading.files}

    def run(self) -> None:
        """Remove rows that must not be loaded, and record everything, in one transaction."""
        self._check_files()
        rejects = copy_rejects(self.source, self.files, self.loads.errors, self.reading.forgotten)
        with autocommit(self.cursor):
            staged, violations = self._count()
        loaded = self._rows_by_file(rejects)
        if not violations and loaded.total() == staged and self._are_in_their_files(loaded):
            self.tally.lines.update(
                {file: self.loads.lines[url] for url, file in self.files.items()}
            )
            self.tally.rows.update(loaded)
        else:
            rejects += self._read_again(rejects, staged, violations)
        self.tally.count_rejects(rejects)
        kept = [reject for reject in rejects if not reject.is_forgotten]
        for reject in kept[:SHOWN]:
            reason = without_values(reject.reason)
            log.warning("Rejected: %s, line %s: %s", reject.file.url, reject.line, reason)
        # First, because it locks.
        record_reading(self.cursor, REDSHIFT, self.reading, self.tally)
        if violations:
            broken = self._broken(self.reading.files)
            self.cursor.execute(f"delete from {self.table} where {broken}")
        if self.reading.by_file:
            self._name_files()
        rows = self.reading.reject_rows(rejects)
        insert_rows(REDSHIFT, self.cursor, "rejected_rows", REJECTS, rows)

    def _check_files(self) -> None:
        """Check that COPY read exactly the listed files."""
        # The views may leave out empty files.
        empty = {url for url, file in self.files.items() if not file.size}
        if others := sorted((set(self.loads.lines) | empty) ^ set(self.files)):
            raise AirflowException(
                f"COPY read other files than were listed, such as {others[0]}, which was added or "
                "removed in between. Airflow retries the task."
            )

    def _broken(self, files: Iterable[SourceFile]) -> str:
        """
        Return the predicate of rows that must not be loaded.

        They violate a rule, are of a forgotten user, or none of the files may hold them.
        """
        predicates = [f"({rule})" for rule in self.rules.values()]
        predicates.append(self.reading.forgotten.predicate)
        if self.spans:
            predicates.append(outside(self.spans.column, (self.spans.spans[one] for one in files)))
        return " or ".join(filter(None, predicates))

    def _count(self) -> tuple[int, int]:
        """Return how many rows the table has, and how many of them must not be loaded."""
        broken = self._broken(self.reading.files) or "false"
        self.cursor.execute(
            f"select count(*), sum(case when {broken} then 1 end) from {self.table}"
        )
        [rows, violations] = self.cursor.fetchone()
        return int(rows), int(violations or 0)

    def _rows_by_file(self, rejects: Iterable[Reject]) -> Counter[SourceFile]:
        """Estimate the rows of each file from its lines, which are what Redshift reports."""
        rows = Counter({file: self.loads.lines[url] for url, file in self.files.items()})
        rows.subtract(reject.file for reject in rejects)
        return rows

    def _are_in_their_files(self, loaded: Mapping[SourceFile, int]) -> bool:
        """Whether, judging by the counts, each file's rows are within its time."""
        before: Counter[datetime] = Counter()
        for files, rows in self.snapshots:
            spans = {file: self.spans.spans[file] for file in files} if self.spans else {}
            if not agree(spans, loaded, rows - before):
                return False
            before = rows
        return True

    def _read_again(
        self,
        rejected: Sequence[Reject],
        staged: int,
        violations: int,
    ) -> list[Reject]:
        """
        Count the files' rows with this project's reader, and return what must not be loaded.

        COPY's own rejects stand, by file and line. Where the two disagree on the rest, Redshift's
        figures count.
        """
        log.info("Reading %s files again to count the rows of each", len(self.files))
        columns = columns_of(self.cursor, self.reading.dataset)
        reader = RecordReader(columns, self.rules, self.spans, self.reading.forgotten)
        places = Counter((reject.file, reject.line) for reject in rejected)
        records: Counter[SourceFile] = Counter()
        broken: list[Reject] = []
        doubtful: list[Reject] = []
        for batch in reader.batches(blocks(self.source, self.reading.files)):
            self.tally.lines.update(batch.lines)
            self.tally.folded.update(batch.folded)
            self.tally.forgotten.update(batch.forgotten)
            records.update(batch.rows + batch.forgotten)
            for reject in batch.rejects:
                records[reject.file] += 1
                violates = reject.reason in self.rules or reject.moment
                if violates or not _taken(places, reject):
                    (broken if violates or reject.is_forgotten else doubtful).append(reject)
        # COPY knows no rules, so what violates one takes only the places that are left.
        broken = [reject for reject in broken if not _taken(places, reject)]
        records.subtract(reject.file for reject in rejected)
        forgotten = self.tally.forgotten.total()
        if len(broken) + forgotten > violations:
            self._copy_separately(broken)
            violations = staged - self._count()[0]
        if (records.total(), len(broken) + forgotten) != (staged, violations):
            self._check_unchanged()
            log.warning(
                "Redshift staged %s rows, of which %s violate a rule, but this project's reader "
                "finds %s and %s in the files. Redshift's figures count; which rows they are is "
                "taken from the reader as far as possible.",
                staged,
                violations,
                records.total(),
                len(broken) + forgotten,
            )
            last = self.reading.files[-1]
            unknown = Reject(last, None, None, "violates a rule, according to Redshift", "")
            others = max(violations - forgotten, 0)
            broken = [*broken, *doubtful, *[unknown] * others][:others]
            records[last] += staged - records.total()
        self.tally.rows.update(records)
        self.tally.rows.subtract(self.tally.forgotten)
        self.tally.rows.subtract(reject.file for reject in broken)
        commit(self.cursor)
        return broken

    def _check_unchanged(self) -> None:
        """Check that the files are still those that COPY read, so that the readers disagree."""
        files = self.reading.files
        listed = self.source.list(beginning([file.name for file in files]))
        found = {file.name: file.etag for file in listed}
        changed = [file for file in files if found.get(file.name) != file.etag]
        if changed:
            raise AirflowException(
                f"{changed[0].url} changed after COPY had read it. Airflow retries the task."
            )

    def _name_files(self) -> None:
        """Add each row's file, which COPY cannot do, by the song ids in the files."""
        columns = {column.name: column for column in columns_of(self.cursor, self.reading.dataset)}
        song_id = columns["song_id"]
        files_of = self._files_of_songs(song_id)
        unique = [(min(files), song) for song, files in files_of.items() if len(files) == 1]
        shared = {song: files for song, files in files_of.items() if len(files) > 1}
        self.cursor.execute(f"alter table {self.table} add column {SOURCE_FILE.definition}")
        self.cursor.execute(
            f"create temp table song_ids ({SOURCE_FILE.definition}, {song_id.definition})"
        )
        self._name_songs(unique)
        # If several files have the same song, reload its rows from the files.
        rows = self._rows_of(shared, list(columns.values()))
        self.cursor.execute(f"select count(*) from {self.table} where source_file is null")
        [unnamed] = self.cursor.fetchone()
        if unnamed == len(rows):
            self.cursor.execute(f"delete from {self.table} where source_file is null")
            names = ", ".join([*columns, SOURCE_FILE.name])
            insert_rows(REDSHIFT, self.cursor, self.table, names, rows)
            return
        self._check_unchanged()
        log.warning(
            "Redshift staged %s rows of songs that several files contain; read here, the files "
            "contain %s. Redshift's rows count, each for the last file that contains its song.",
            unnamed,
            len(rows),
        )
        self._name_songs([(max(files), song) for song, files in shared.items()])
        self.cursor.execute(
            f"update {self.table} set source_file = %s where source_file is null",
            (self.reading.files[-1].name,),
        )

    def _name_songs(self, songs: Sequence[tuple[str, str]]) -> None:
        """Set the file of the rows of these songs."""
        self.cursor.execute("delete from song_ids")
        insert_rows(REDSHIFT, self.cursor, "song_ids", "source_file, song_id", songs)
        self.cursor.execute(
            f"update {self.table} set source_file = song_ids.source_file "
            f"from song_ids where {self.table}.song_id = song_ids.song_id"
        )

    def _files_of_songs(self, column: Column) -> dict[str, set[str]]:
        """Return the names of the files that contain each song id."""
        found: dict[str, set[str]] = defaultdict(set)
        for file, one in objects(self.source, self.reading.files):
            song = value(column.name, one.text)
            # COPY rejects all others.
            if "\0" not in song and len(song.encode()) <= (column.width or 0):
                found[song].add(file.name)
        return found

    def _rows_of(
        self, songs: Mapping[str, set[str]], columns: Sequence[Column]
    ) -> list[tuple[Any, ...]]:
        """Return the rows of songs, with the names of their files, using this project's reader."""
        names = set().union(*songs.values())
        files = [file for file in self.reading.files if file.name in names]
        batches = RecordReader(columns, by_file=True).batches(blocks(self.source, files))
        frames = (frame for batch in batches for frame in batch.frames)
        return [
            row
            for frame in frames
            for row in frame.filter(pl.col("song_id").is_in(list(songs))).iter_rows()
        ]

    def _copy_separately(self, broken: Iterable[Reject]) -> None:
        """
        Refill the table with some files at a time, to identify each file's strays.

        A row does not name its file: a stray in the time of another file can only be identified
        while that file's rows are not in the table.
        """
        strays: defaultdict[SourceFile, list[datetime]] = defaultdict(list)
        for reject in broken:
            if reject.moment:
                strays[reject.file].append(reject.moment.replace(tzinfo=UTC))
        if not (self.spans and strays):
            return
        kept = f"{self.table}{KEPT}"
        self._execute(
            f"drop table if exists {kept}",
            f"create table {kept} (like {self.table} including defaults)",
        )
        for files in separated(self.spans.spans, strays):
            self._execute(f"delete from {self.table}")
            self.copy_files(files)
            self._execute(
                f"delete from {self.table} where {self._broken(files)}",
                f"insert into {kept} select * from {self.table}",
            )
        self._execute(
            f"delete from {self.table}",
            f"insert into {self.table} select * from {kept}",
            f"drop table {kept}",
        )

    def _execute(self, *statements: str) -> None:
        for statement in statements:
            self.cursor.execute(statement)


def _taken(places: Counter[tuple[SourceFile, int | None]], reject: Reject) -> bool:
    """Whether COPY has rejected a record in the place of this reject, which takes that place."""
    place = (reject.file, reject.line)
    places[place] -= 1
    return places[place] >= 0
