"""Load files into Redshift with COPY, and reconcile its rows with rejects and ledger entries."""

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple

import orjson
import polars as pl
from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from redshift_connector.error import Error as RedshiftError

from sparkify.records.blocks import blocks
from sparkify.records.columns import SOURCE_FILE, Column, columns_of
from sparkify.records.objects import ObjectReader
from sparkify.records.reader import RecordReader, Reject
from sparkify.records.spans import FileSpans, file_spans
from sparkify.sources.base import SourceFile
from sparkify.sources.bucket import BucketSource
from sparkify.sources.open import open_source
from sparkify.staging.copy_log import (
    LONGEST_NAME,
    LoadError,
    Loads,
    failed_load,
    last_load,
    loads_since,
)
from sparkify.staging.ledger import REJECTS, Reading, Tally, record_reading
from sparkify.staging.names import KEPT
from sparkify.staging.prefixes import beginning, prefixes
from sparkify.staging.strays import agree, alternating, outside, separated, unit
from sparkify.warehouse import insert_rows, transaction

log = logging.getLogger(__name__)

FEW, MANY_COPIES = 3, 20
SHOWN = 20
SHOWN_VALUE = 80


class Copy(NamedTuple):
    """One COPY of a manifest or a prefix."""

    url: str
    options: Sequence[str]

    @property
    def bucket(self) -> str:
        """The bucket in the URL."""
        return self.url.removeprefix("s3://").partition("/")[0]

    @property
    def key(self) -> str:
        """The key in the URL, which is inserted into the statement and must need no quoting."""
        if "'" in self.url or "\\" in self.url:
            raise AirflowFailException(
                f"{self.url!r} contains a quote or a backslash, which cannot be passed to COPY. "
                "Rename it, or set the variable sparkify_manifest_prefix: manifests allow it."
            )
        return self.url.removeprefix("s3://").partition("/")[2]


def source_in_s3(url: str) -> BucketSource:
    """Open a source, which for COPY must be in S3."""
    source = open_source(url)
    if not isinstance(source, BucketSource):
        raise AirflowFailException(
            f"The source {url!r} is not in S3, the only one that Redshift reads. Set the variable "
            "sparkify_source to a bucket, such as s3://my-bucket/sparkify"
        )
    return source


def stage(
    hook: RedshiftSQLHook,
    source: BucketSource,
    reading: Reading,
    table: str,
    rules: Mapping[str, str],
    manifests: str,
    copy: Callable[[Copy], None],
) -> Tally:
    """
    Recreate a run's staging table and fill it with the records of the reading's files.

    :param manifests: URL of a location for manifests; if empty, COPY reads by prefix
    :param copy: runs one COPY
    """
    hook.run(
        [
            f"drop table if exists {table}",
            f"create table {table} (like {reading.dataset} including defaults)",
        ]
    )

    def copy_all(copies: Sequence[Copy]) -> None:
        for one in copies:
            try:
                copy(one)
            except RedshiftError as error:
                raise _failure(one, error, failed_load(hook, table, earlier)) from error

    def copy_files(files: Sequence[SourceFile]) -> None:
        copy_all(list(_copies(source, files, manifests, table)))

    spans = file_spans(reading.files, reading.partition, reading.time_column)
    groups = [
        (files, list(_copies(source, files, manifests, f"{table}-{number}" if number else table)))
        for number, files in enumerate(_groups(reading.files, spans, manifests))
    ]
    earlier = last_load(hook, table)
    snapshots: list[Snapshot] = []
    for files, copies in groups:
        copy_all(copies)
        if spans and len(set(spans.spans.values())) > 1:
            snapshots.append(Snapshot(files, _rows_by_time(hook, table, spans)))
    empty_files = sum(not file.size for file in reading.files)
    loads = loads_since(hook, table, earlier, sum(len(copies) for _, copies in groups), empty_files)
    reconciliation = _Reconciliation(hook, source, reading, table, rules, spans, snapshots, loads)
    reconciliation.run(copy_files)
    return reconciliation.tally


class Snapshot(NamedTuple):
    """The table's rows by unit of time after these files, too, were copied."""

    files: Sequence[SourceFile]
    rows: Counter[datetime]


def _groups(
    files: Sequence[SourceFile], spans: FileSpans | None, manifests: str
) -> Sequence[Sequence[SourceFile]]:
    """
    Group the files to copy together: all, or those of every other time.

    Rows are counted between two COPYs, which reveals rows swapped between neighbours. By prefix
    that would take one COPY per file.
    """
    times = len(set(spans.spans.values())) if spans else 0
    if not spans or times < 2 or (times > FEW and not manifests):
        return [files]
    return list(alternating(spans.spans))


def _rows_by_time(hook: RedshiftSQLHook, table: str, spans: FileSpans) -> Counter[datetime]:
    moment = f"date_trunc('{unit(spans.spans.values())}', {spans.column})"
    rows = hook.get_records(f"select {moment}, count(*) from {table} group by {moment}")
    return Counter({moment.replace(tzinfo=UTC): count for moment, count in rows})


def _copies(
    source: BucketSource, files: Sequence[SourceFile], manifests: str, table: str
) -> Iterator[Copy]:
    """Yield COPYs that together read exactly these files."""
    for compressed, group in groupby(sorted(files, key=_is_compressed), key=_is_compressed):
        options = ["gzip"] if compressed else []
        chosen = list(group)
        if manifests:
            url = _write_manifest(manifests, f"{table}{'.gz' if compressed else ''}", chosen)
            yield Copy(url, [*options, "manifest"])
            continue
        found = prefixes([file.name for file in chosen], list(_neighbours(source, chosen)))
        if len(found) > MANY_COPIES:
            log.warning(
                "%s COPYs, one per prefix: set the variable sparkify_manifest_prefix to need one",
                len(found),
            )
        yield from (Copy(f"s3://{source.bucket}/{source.root}{name}", options) for name in found)


def _is_compressed(file: SourceFile) -> bool:
    return file.name.endswith(".gz")


def _neighbours(source: BucketSource, files: Sequence[SourceFile]) -> Iterator[str]:
    """Yield every name that shares the common prefix of the files."""
    return (file.name for file in source.list(beginning([file.name for file in files])))


def _write_manifest(manifests: str, name: str, files: Sequence[SourceFile]) -> str:
    location = source_in_s3(manifests)
    entries = [{"url": file.url, "mandatory": True} for file in files]
    location.write(f"{name}.manifest", json.dumps({"entries": entries}).encode())
    return f"s3://{location.bucket}/{location.root}{name}.manifest"


def _failure(copied: Copy, error: RedshiftError, errors: Sequence[LoadError]) -> AirflowException:
    """Explain a COPY's failure, which is permanent if records do not fit."""
    details = error.args[0] if error.args else error
    message = details.get("M", details) if isinstance(details, dict) else details
    if isinstance(details, dict) and details.get("D"):
        message = f"{message}; {details['D']}"
    for bad in errors[:SHOWN]:
        log.error("Not loaded: %s, line %s: %s: %s", bad.url, bad.line, bad.column, bad.message)
    if not errors:
        return AirflowException(f"The COPY of {copied.url} failed; nothing was staged. {message}")
    first = errors[0]
    return AirflowFailException(
        f"The COPY of {copied.url} failed; nothing was staged. {message} The first of "
        f"{len(errors)} records that cannot be loaded: {first.url}, line {first.line}: "
        f"{first.column}: {first.message}. Fix the files, then clear this task."
    )


@dataclass
class _Reconciliation:
    """Accounts for every record of the files as staged, or as rejected for a reason."""

    hook: RedshiftSQLHook
    source: BucketSource
    reading: Reading
    table: str
    rules: Mapping[str, str]
    spans: FileSpans | None
    snapshots: Sequence[Snapshot]
    loads: Loads
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self.files = {file.url[:LONGEST_NAME]: file for file in self.reading.files}

    def run(self, copy_files: Callable[[Sequence[SourceFile]], None]) -> None:
        """Remove rows that must not be loaded, and record everything, in one transaction."""
        self._check_files()
        rejects = self._rejects()
        staged, violations = self._count("true"), self._count(self._broken(self.reading.files))
        loaded = self._rows_by_file(rejects)
        if not violations and loaded.total() == staged and self._are_in_their_files(loaded):
            self.tally.lines.update(
                {file: self.loads.lines[url] for url, file in self.files.items()}
            )
            self.tally.rows.update(loaded)
        else:
            rejects += self._read_again(rejects, staged, violations, copy_files)
        self.tally.rejects.update(reject.file for reject in rejects)
        for reject in rejects[:SHOWN]:
            log.warning("Rejected: %s, line %s: %s", reject.file.url, reject.line, reject.reason)
        with transaction(self.hook) as cursor:
            # First, because it locks.
            record_reading(self.hook, cursor, self.reading, self.tally)
            if violations:
                cursor.execute(f"delete from {self.table} where {self._broken(self.reading.files)}")
            if self.reading.by_file:
                self._name_files(cursor)
            rows = list(self.reading.reject_rows(rejects))
            insert_rows(self.hook.conn_type, cursor, "rejected_rows", REJECTS, rows)

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
        """Return the predicate of rows that violate a rule, or that none of the files may hold."""
        predicates = [f"({rule})" for rule in self.rules.values()]
        if self.spans:
            predicates.append(outside(self.spans.column, (self.spans.spans[one] for one in files)))
        return " or ".join(filter(None, predicates))

    def _count(self, predicate: str) -> int:
        if not predicate:
            return 0
        row = self.hook.get_first(f"select count(*) from {self.table} where {predicate}")
        return int(row[0])

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
        copy_files: Callable[[Sequence[SourceFile]], None],
    ) -> list[Reject]:
        """
        Count the files' rows with this project's reader, and return what must not be loaded.

        COPY's own rejects stand, by file and line. Where the two disagree on the rest, Redshift's
        figures count.
        """
        log.info("Reading %s files again to count the rows of each", len(self.files))
        with transaction(self.hook) as cursor:
            columns = columns_of(cursor, self.reading.dataset)
        reader = RecordReader(columns, self.rules, self.spans)
        places = {(reject.file, reject.line) for reject in rejected}
        records: Counter[SourceFile] = Counter()
        broken: list[Reject] = []
        doubtful: list[Reject] = []
        for batch in reader.batches(blocks(self.source, self.reading.files)):
            self.tally.lines.update(batch.lines)
            self.tally.folded.update(batch.folded)
            records.update(batch.rows)
            for reject in batch.rejects:
                records[reject.file] += 1
                if (reject.file, reject.line) not in places:
                    is_broken = reject.reason in self.rules or reject.moment
                    (broken if is_broken else doubtful).append(reject)
        records.subtract(reject.file for reject in rejected)
        if len(broken) > violations:
            self._copy_separately(broken, copy_files)
            violations = staged - self._count("true")
        if (records.total(), len(broken)) != (staged, violations):
            self._check_unchanged()
            log.warning(
                "Redshift staged %s rows, of which %s violate a rule, but this project's reader "
                "finds %s and %s in the files. Redshift's figures count; which rows they are is "
                "taken from the reader as far as possible.",
                staged,
                violations,
                records.total(),
                len(broken),
            )
            last = self.reading.files[-1]
            unknown = Reject(last, None, None, "violates a rule, according to Redshift", "")
            broken = [*broken, *doubtful, *[unknown] * violations][:violations]
            records[last] += staged - records.total()
        self.tally.rows.update(records)
        self.tally.rows.subtract(reject.file for reject in broken)
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

    def _name_files(self, cursor: Any) -> None:
        """Add each row's file, which COPY cannot do, by the song ids in the files."""
        columns = {column.name: column for column in columns_of(cursor, self.reading.dataset)}
        song_id = columns["song_id"]
        files_of = self._files_of_songs(song_id)
        unique = [(min(files), song) for song, files in files_of.items() if len(files) == 1]
        shared = {song: files for song, files in files_of.items() if len(files) > 1}
        cursor.execute(f"alter table {self.table} add column {SOURCE_FILE.definition}")
        cursor.execute(
            f"create temp table song_ids ({SOURCE_FILE.definition}, {song_id.definition})"
        )
        self._name_songs(cursor, unique)
        # If several files have the same song, reload its rows from the files.
        rows = self._rows_of(shared, list(columns.values()))
        cursor.execute(f"select count(*) from {self.table} where source_file is null")
        [unnamed] = cursor.fetchone()
        if unnamed == len(rows):
            cursor.execute(f"delete from {self.table} where source_file is null")
            names = ", ".join([*columns, SOURCE_FILE.name])
            insert_rows(self.hook.conn_type, cursor, self.table, names, rows)
            return
        self._check_unchanged()
        log.warning(
            "Redshift staged %s rows of songs that several files contain; read here, the files "
            "contain %s. Redshift's rows count, each for the last file that contains its song.",
            unnamed,
            len(rows),
        )
        self._name_songs(cursor, [(max(files), song) for song, files in shared.items()])
        cursor.execute(
            f"update {self.table} set source_file = %s where source_file is null",
            (self.reading.files[-1].name,),
        )

    def _name_songs(self, cursor: Any, songs: Sequence[tuple[str, str]]) -> None:
        """Set the file of the rows of these songs."""
        cursor.execute("delete from song_ids")
        insert_rows(self.hook.conn_type, cursor, "song_ids", "source_file, song_id", songs)
        cursor.execute(
            f"update {self.table} set source_file = song_ids.source_file "
            f"from song_ids where {self.table}.song_id = song_ids.song_id"
        )

    def _files_of_songs(self, column: Column) -> dict[str, set[str]]:
        """Return the names of the files that contain each song id."""
        found: dict[str, set[str]] = defaultdict(set)
        for file, _, text in _objects(self.source, self.reading.files):
            song = _value(column.name, text)
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

    def _copy_separately(
        self,
        broken: Iterable[Reject],
        copy_files: Callable[[Sequence[SourceFile]], None],
    ) -> None:
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
        self.hook.run(
            [
                f"drop table if exists {kept}",
                f"create table {kept} (like {self.table} including defaults)",
            ]
        )
        for files in separated(self.spans.spans, strays):
            self.hook.run(f"delete from {self.table}")
            copy_files(files)
            self.hook.run(
                [
                    f"delete from {self.table} where {self._broken(files)}",
                    f"insert into {kept} select * from {self.table}",
                ]
            )
        self.hook.run(
            [
                f"delete from {self.table}",
                f"insert into {self.table} select * from {kept}",
                f"drop table {kept}",
            ]
        )

    def _rejects(self) -> list[Reject]:
        """Return COPY's errors with each record's first line and text."""
        errors = {(error.url, error.line): error for error in self.loads.errors}
        urls = {url for url, _ in errors}
        files = [file for url, file in self.files.items() if url in urls]
        rejects = []
        for file, line, text in _objects(self.source, files):
            if error := errors.pop((file.url[:LONGEST_NAME], line + text.count("\n")), None):
                rejects.append(Reject(file, line, error.column, _reason(error, text), text))
        rejects += [
            Reject(self.files[error.url], error.line, error.column, error.message, "")
            for error in errors.values()
        ]
        return rejects


def _objects(
    source: BucketSource, files: Iterable[SourceFile]
) -> Iterator[tuple[SourceFile, int, str]]:
    """Yield every object of the files, or broken text, with its first line."""
    unfinished: ObjectReader | None = None
    for block in blocks(source, files):
        for segment in block:
            reader = unfinished or ObjectReader(segment.first_line)
            for found in reader.objects(segment.lines, is_last=segment.is_last):
                yield segment.file, found.line, found.text
            unfinished = reader if reader.is_unfinished else None


def _reason(error: LoadError, text: str) -> str:
    """Add the value to Redshift's message."""
    if not error.column:
        return error.message
    value = _value(error.column, text)
    shown = value if len(value) <= SHOWN_VALUE else f"{value[:SHOWN_VALUE]}…"
    return f"{error.column}: {error.message}: {shown!r}"


def _value(column: str, text: str) -> str:
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError:
        return ""
    return next((str(value) for key, value in fields.items() if key.lower() == column), "")
