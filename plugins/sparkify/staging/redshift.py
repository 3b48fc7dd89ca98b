"""Files copied into Redshift by COPY: rows, rejects and ledger entries, all accounted for."""

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from sparkify.staging.ledger import REJECTS, Reading, Tally, enter
from sparkify.staging.names import KEPT
from sparkify.staging.prefixes import beginning, prefixes
from sparkify.staging.strays import agree, alternating, apart, outside, unit
from sparkify.warehouse import insert_rows, transaction

log = logging.getLogger(__name__)

FEW, MANY_COPIES = 3, 20
SHOWN = 20
SHOWN_VALUE = 80


class Copy(NamedTuple):
    """One COPY: of what a URL names, a manifest or a prefix."""

    url: str
    options: Sequence[str]

    @property
    def bucket(self) -> str:
        """The bucket that the URL names."""
        return self.url.removeprefix("s3://").partition("/")[0]

    @property
    def key(self) -> str:
        """What the URL names in it; it is pasted into the COPY, so it must be a plain text."""
        if "'" in self.url or "\\" in self.url:
            raise AirflowFailException(
                f"{self.url!r} holds a quote or a backslash, which COPY cannot be told. Rename it, "
                "or set the variable sparkify_manifest_prefix: a manifest may name it."
            )
        return self.url.removeprefix("s3://").partition("/")[2]


def source_in_s3(url: str) -> BucketSource:
    """The source, which for COPY must be in S3."""
    source = open_source(url)
    if not isinstance(source, BucketSource):
        raise AirflowFailException(
            f"The source {url!r} is not in S3, and Redshift reads from there only. Set the "
            "variable sparkify_source to a bucket, such as s3://my-bucket/sparkify"
        )
    return source


def copy_in(
    hook: RedshiftSQLHook,
    source: BucketSource,
    reading: Reading,
    table: str,
    rules: Mapping[str, str],
    manifests: str,
    copy: Callable[[Copy], None],
) -> Tally:
    """
    Make a run's staging table anew and fill it with the records of the reading's files.

    :param manifests: URL below which manifests may be written; without one COPY goes by prefix
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
    held: list[Held] = []
    for files, copies in groups:
        copy_all(copies)
        if spans and len(set(spans.spans.values())) > 1:
            held.append(Held(files, _rows_by_time(hook, table, spans)))
    empty_files = sum(not file.size for file in reading.files)
    loads = loads_since(hook, table, earlier, sum(len(copies) for _, copies in groups), empty_files)
    account = _Account(hook, source, reading, table, rules, spans, held, loads)
    account.settle(copy_files)
    return account.tally


class Held(NamedTuple):
    """How many rows of each unit of time the table held, once these files had been copied too."""

    files: Sequence[SourceFile]
    rows: Counter[datetime]


def _groups(
    files: Sequence[SourceFile], spans: FileSpans | None, manifests: str
) -> Sequence[Sequence[SourceFile]]:
    """
    Files that are copied together: all, or those of every other time.

    Between two COPYs rows are counted, so an exchange between neighbours shows. By prefix that
    would take a COPY a file.
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
    """COPYs that together read exactly these files."""
    for compressed, alike in groupby(sorted(files, key=_is_compressed), key=_is_compressed):
        options = ["gzip"] if compressed else []
        chosen = list(alike)
        if manifests:
            url = _write_manifest(manifests, f"{table}{'.gz' if compressed else ''}", chosen)
            yield Copy(url, [*options, "manifest"])
            continue
        found = prefixes([file.name for file in chosen], list(_neighbours(source, chosen)))
        if len(found) > MANY_COPIES:
            log.warning(
                "%s COPYs, one a prefix: with the variable sparkify_manifest_prefix one would do",
                len(found),
            )
        yield from (Copy(f"s3://{source.bucket}/{source.root}{name}", options) for name in found)


def _is_compressed(file: SourceFile) -> bool:
    return file.name.endswith(".gz")


def _neighbours(source: BucketSource, files: Sequence[SourceFile]) -> Iterator[str]:
    """Every name that begins like those of the files."""
    return (file.name for file in source.list(beginning([file.name for file in files])))


def _write_manifest(manifests: str, name: str, files: Sequence[SourceFile]) -> str:
    place = source_in_s3(manifests)
    entries = [{"url": file.url, "mandatory": True} for file in files]
    place.write(f"{name}.manifest", json.dumps({"entries": entries}).encode())
    return f"s3://{place.bucket}/{place.root}{name}.manifest"


def _failure(copied: Copy, error: RedshiftError, errors: Sequence[LoadError]) -> AirflowException:
    """A COPY's failure in a sentence; records that do not fit do not fit the next time either."""
    details = error.args[0] if error.args else error
    said = details.get("M", details) if isinstance(details, dict) else details
    if isinstance(details, dict) and details.get("D"):
        said = f"{said}; {details['D']}"
    for bad in errors[:SHOWN]:
        log.error("Not loaded: %s, line %s: %s: %s", bad.url, bad.line, bad.column, bad.message)
    if not errors:
        return AirflowException(f"The COPY of {copied.url} failed; nothing was staged. {said}")
    first = errors[0]
    return AirflowFailException(
        f"The COPY of {copied.url} failed; nothing was staged. {said} The first of {len(errors)} "
        f"records that cannot be loaded: {first.url}, line {first.line}: {first.column}: "
        f"{first.message}. Mend the files, then clear this task."
    )


class _Account:
    """What became of every record of the files: staged, or rejected with where and why."""

    def __init__(
        self,
        hook: RedshiftSQLHook,
        source: BucketSource,
        reading: Reading,
        table: str,
        rules: Mapping[str, str],
        spans: FileSpans | None,
        held: Sequence[Held],
        loads: Loads,
    ) -> None:
        self.hook = hook
        self.source = source
        self.reading = reading
        self.tally = Tally()
        self.table = table
        self.rules = rules
        self.spans = spans
        self.held = held
        self.loads = loads
        self.files = {file.url[:LONGEST_NAME]: file for file in reading.files}

    def settle(self, copy_files: Callable[[Sequence[SourceFile]], None]) -> None:
        """Take out what must not be loaded, and write everything down, in one transaction."""
        self._check_files()
        rejects = self._rejects()
        staged, breakers = self._count("true"), self._count(self._broken(self.reading.files))
        loaded = self._rows_by_file(rejects)
        if not breakers and loaded.total() == staged and self._are_in_their_files(loaded):
            self.tally.lines.update(
                {file: self.loads.lines[url] for url, file in self.files.items()}
            )
            self.tally.rows.update(loaded)
        else:
            rejects += self._read_again(rejects, staged, breakers, copy_files)
        self.tally.rejects.update(reject.file for reject in rejects)
        for reject in rejects[:SHOWN]:
            log.warning("Rejected: %s, line %s: %s", reject.file.url, reject.line, reject.reason)
        with transaction(self.hook) as cursor:
            if breakers:
                cursor.execute(f"delete from {self.table} where {self._broken(self.reading.files)}")
            if self.reading.by_file:
                self._name_files(cursor)
            enter(self.hook, cursor, self.reading, self.tally)
            rows = list(self.reading.reject_rows(rejects))
            insert_rows(self.hook.conn_type, cursor, "rejected_rows", REJECTS, rows)

    def _check_files(self) -> None:
        """COPY read the files that were meant, and no other."""
        read, meant = set(self.loads.lines), set(self.files)
        # What is empty is read, whether the views show it or not.
        read |= {url for url, file in self.files.items() if not file.size}
        if others := sorted(read ^ meant):
            raise AirflowException(
                f"COPY read other files than were listed, such as {others[0]}: it came, or went, "
                "in between. The task is tried again."
            )

    def _broken(self, files: Iterable[SourceFile]) -> str:
        """The predicate of rows that no file of these may hold, or that break a rule."""
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
        """How many rows each file has, if it has one a line: Redshift tells lines, not rows."""
        rows = Counter({file: self.loads.lines[url] for url, file in self.files.items()})
        rows.subtract(reject.file for reject in rejects)
        return rows

    def _are_in_their_files(self, loaded: Mapping[SourceFile, int]) -> bool:
        """Whether each file's rows lie in its time, as far as numbers tell; of one time they do."""
        before: Counter[datetime] = Counter()
        for files, rows in self.held:
            spans = {file: self.spans.spans[file] for file in files} if self.spans else {}
            if not agree(spans, loaded, rows - before):
                return False
            before = rows
        return True

    def _read_again(
        self,
        refused: Sequence[Reject],
        staged: int,
        breakers: int,
        copy_files: Callable[[Sequence[SourceFile]], None],
    ) -> list[Reject]:
        """
        Count the files' rows as PostgreSQL's loads do, and return what must not be loaded.

        What COPY refused is known by file and line, whatever this reader thinks of it. Where the
        two differ about the rest, Redshift's figures count.
        """
        log.info("Reading %s files again, to know each one's rows", len(self.files))
        with transaction(self.hook) as cursor:
            columns = columns_of(cursor, self.reading.dataset)
        reader = RecordReader(columns, self.rules, self.spans)
        places = {(reject.file, reject.line) for reject in refused}
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
        records.subtract(reject.file for reject in refused)
        if len(broken) > breakers:
            self._copy_apart(broken, copy_files)
            breakers = staged - self._count("true")
        if (records.total(), len(broken)) != (staged, breakers):
            self._check_unchanged()
            log.warning(
                "Redshift staged %s rows, of which %s break a rule; read here, the files hold %s "
                "and %s. Redshift's figures count: which rows they are is told by this reading as "
                "far as it can be.",
                staged,
                breakers,
                records.total(),
                len(broken),
            )
            last = self.reading.files[-1]
            unknown = Reject(last, None, None, "breaks a rule, as Redshift reads it", "")
            broken = [*broken, *doubtful, *[unknown] * breakers][:breakers]
            records[last] += staged - records.total()
        self.tally.rows.update(records)
        self.tally.rows.subtract(reject.file for reject in broken)
        return broken

    def _check_unchanged(self) -> None:
        """The files are still those that COPY read: else a difference is no matter of reading."""
        files = self.reading.files
        listed = self.source.list(beginning([file.name for file in files]))
        found = {file.name: file.etag for file in listed}
        changed = [file for file in files if found.get(file.name) != file.etag]
        if changed:
            raise AirflowException(
                f"{changed[0].url} changed after COPY had read it; the task is tried again."
            )

    def _name_files(self, cursor: Any) -> None:
        """Say of each row in which file it is, which COPY cannot: the ids in the files tell."""
        columns = {column.name: column for column in columns_of(cursor, self.reading.dataset)}
        song_id = columns["song_id"]
        files_of = self._files_of_songs(song_id)
        alone = [(min(its), song) for song, its in files_of.items() if len(its) == 1]
        shared = {song: its for song, its in files_of.items() if len(its) > 1}
        cursor.execute(f"alter table {self.table} add column {SOURCE_FILE.definition}")
        cursor.execute(
            f"create temp table song_ids ({SOURCE_FILE.definition}, {song_id.definition})"
        )
        self._name_songs(cursor, alone)
        # Which of several files a row of the same song came from only its values tell.
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
            "Redshift staged %s rows of songs that are in several files; read here, the files hold "
            "%s. Redshift's rows count, each as one of the last file that holds its song.",
            unnamed,
            len(rows),
        )
        self._name_songs(cursor, [(max(its), song) for song, its in shared.items()])
        cursor.execute(
            f"update {self.table} set source_file = %s where source_file is null",
            (self.reading.files[-1].name,),
        )

    def _name_songs(self, cursor: Any, songs: Sequence[tuple[str, str]]) -> None:
        """Say of the rows of these songs that they are in these files."""
        cursor.execute("delete from song_ids")
        insert_rows(self.hook.conn_type, cursor, "song_ids", "source_file, song_id", songs)
        cursor.execute(
            f"update {self.table} set source_file = song_ids.source_file "
            f"from song_ids where {self.table}.song_id = song_ids.song_id"
        )

    def _files_of_songs(self, column: Column) -> dict[str, set[str]]:
        """Each song's id, as the files have it, with the names of those that hold it."""
        found: dict[str, set[str]] = defaultdict(set)
        for file, _, text in _objects(self.source, self.reading.files):
            song = _value(column.name, text)
            # Of what COPY rejects nothing has to be known.
            if "\0" not in song and len(song.encode()) <= (column.width or 0):
                found[song].add(file.name)
        return found

    def _rows_of(
        self, songs: Mapping[str, set[str]], columns: Sequence[Column]
    ) -> list[tuple[Any, ...]]:
        """The rows of songs, with the files' names, as PostgreSQL's loads read them."""
        names = {name for its in songs.values() for name in its}
        files = [file for file in self.reading.files if file.name in names]
        batches = RecordReader(columns, by_file=True).batches(blocks(self.source, files))
        frames = (frame for batch in batches for frame in batch.frames)
        return [
            row
            for frame in frames
            for row in frame.filter(pl.col("song_id").is_in(list(songs))).iter_rows()
        ]

    def _copy_apart(
        self,
        broken: Iterable[Reject],
        copy_files: Callable[[Sequence[SourceFile]], None],
    ) -> None:
        """
        Fill the table anew, some files at a time, so that each one's strays are known for that.

        A row does not tell its file: what lies in the time of another one is known only where that
        one's rows are not in the table.
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
        for files in apart(self.spans.spans, strays):
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
        """COPY's errors, with the line on which each record begins and its text."""
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
    """Every object of the files, or text that is none, and the line on which it begins."""
    unfinished: ObjectReader | None = None
    for block in blocks(source, files):
        for segment in block:
            reader = unfinished or ObjectReader(segment.first_line)
            for found in reader.objects(segment.lines, ends=segment.ends):
                yield segment.file, found.line, found.text
            unfinished = reader if reader.waits else None


def _reason(error: LoadError, text: str) -> str:
    """Redshift's words, with the value that they are about."""
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
