"""Files copied into Redshift by COPY: rows, rejects and ledger entries, all accounted for."""

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import orjson
from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from redshift_connector.error import Error as RedshiftError

from sparkify.blocks import blocks
from sparkify.bucket import BucketSource
from sparkify.columns import SOURCE_FILE, Column, columns_of
from sparkify.ledger import REJECTS, Reading, enter
from sparkify.loads import LONGEST_NAME, LoadError, Loads, failed_load, last_load, loads_since
from sparkify.objects import ObjectReader
from sparkify.prefixes import beginning, prefixes
from sparkify.records import RecordReader, Reject
from sparkify.source import SourceFile, open_source
from sparkify.warehouse import insert_rows, transaction

log = logging.getLogger(__name__)

MANY_COPIES = 20
SHOWN = 20
SHOWN_VALUE = 80

LONGEST_ID = 32
"""Bytes of a song's id that ``sql/schema`` allows."""

LONGEST_TEXT = 60_000
"""Bytes; what cannot be stored is spelled out, which takes more of them."""


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
) -> None:
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
    copies = list(_copies(source, reading.files, manifests, table))
    earlier = last_load(hook, table)
    for one in copies:
        try:
            copy(one)
        except RedshiftError as error:
            raise _failure(one, error, failed_load(hook, table, earlier)) from error
    loads = loads_since(hook, table, earlier, len(copies))
    _Account(hook, source, reading, table, rules, loads).settle()


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
        loads: Loads,
    ) -> None:
        self.hook = hook
        self.source = source
        self.reading = reading
        self.table = table
        self.rules = rules
        self.loads = loads
        self.files = {file.url[:LONGEST_NAME]: file for file in reading.files}

    def settle(self) -> None:
        """Take out what breaks a rule, and write everything down, in one transaction."""
        self._check_files()
        rejects = self._rejects()
        rule_breakers = self._count(" or ".join(f"({rule})" for rule in self.rules.values()))
        self._count_rows(rejects, rule_breakers)
        for reject in rejects[:SHOWN]:
            log.warning("Rejected: %s, line %s: %s", reject.file.url, reject.line, reject.reason)
        with transaction(self.hook) as cursor:
            if rule_breakers:
                predicate = " or ".join(f"({rule})" for rule in self.rules.values())
                cursor.execute(f"delete from {self.table} where {predicate}")
            if self.reading.by_file:
                self._name_files(cursor)
            enter(self.hook, cursor, self.reading)
            rows = list(self.reading.reject_rows(map(_shortened, rejects)))
            insert_rows(self.hook.conn_type, cursor, "rejected_rows", REJECTS, rows)

    def _check_files(self) -> None:
        """COPY read the files that were meant, and no other."""
        read, meant = set(self.loads.lines), set(self.files)
        if others := sorted(read ^ meant):
            raise AirflowException(
                f"COPY read other files than were listed, such as {others[0]}: it came, or went, "
                "in between. The task is tried again."
            )

    def _count(self, predicate: str) -> int:
        if not predicate:
            return 0
        row = self.hook.get_first(f"select count(*) from {self.table} where {predicate}")
        return int(row[0])

    def _count_rows(self, rejects: list[Reject], rule_breakers: int) -> None:
        """
        Enter each file's rows and rejects; those that break a rule are found in the files.

        Redshift tells lines, not rows. Where they are not the same, the files are read again.
        """
        staged = self._count("true")
        lines = self.loads.lines
        if not rule_breakers and lines.total() - len(rejects) == staged:
            for url, file in self.files.items():
                self.reading.lines[file] = self.reading.rows[file] = lines[url]
            self.reading.rows.subtract(reject.file for reject in rejects)
        else:
            rejects += self._read_again(rejects, staged, rule_breakers)
        self.reading.rejects.update(reject.file for reject in rejects)

    def _read_again(
        self, refused: Sequence[Reject], staged: int, rule_breakers: int
    ) -> list[Reject]:
        """
        Count the files' rows as PostgreSQL's loads do, and return what breaks a rule.

        What COPY refused is known by file and line, whatever this reader thinks of it. Where the
        two differ about the rest, Redshift's figures count.
        """
        log.info("Reading %s files again, to know each one's rows", len(self.files))
        with transaction(self.hook) as cursor:
            reader = RecordReader(columns_of(cursor, self.reading.dataset), self.rules)
        places = {(reject.file, reject.line) for reject in refused}
        records: Counter[SourceFile] = Counter()
        broken: list[Reject] = []
        doubtful: list[Reject] = []
        for batch in reader.batches(blocks(self.source, self.reading.files)):
            self.reading.lines.update(batch.lines)
            self.reading.folded.update(batch.folded)
            records.update(batch.rows)
            for reject in batch.rejects:
                records[reject.file] += 1
                if (reject.file, reject.line) not in places:
                    (broken if reject.reason in self.rules else doubtful).append(reject)
        records.subtract(reject.file for reject in refused)
        if (records.total(), len(broken)) != (staged, rule_breakers):
            self._check_unchanged()
            log.warning(
                "Redshift staged %s rows, of which %s break a rule; read here, the files hold %s "
                "and %s. Redshift's figures count: which rows they are is told by this reading as "
                "far as it can be.",
                staged,
                rule_breakers,
                records.total(),
                len(broken),
            )
            last = self.reading.files[-1]
            unknown = Reject(last, None, None, "breaks a rule, as Redshift reads it", "")
            broken = [*broken, *doubtful, *[unknown] * rule_breakers][:rule_breakers]
            records[last] += staged - records.total()
        self.reading.rows.update(records)
        self.reading.rows.subtract(reject.file for reject in broken)
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
        on = self.hook.conn_type
        files_of = self._files_of_songs()
        alone = [(its[0], song) for song, its in files_of.items() if len(its) == 1]
        shared = {song: its for song, its in files_of.items() if len(its) > 1}
        cursor.execute(f"alter table {self.table} add column source_file varchar(1024)")
        cursor.execute(
            f"create temp table named (source_file varchar(1024), song_id varchar({LONGEST_ID}))"
        )
        insert_rows(on, cursor, "named", "source_file, song_id", alone)
        cursor.execute(
            f"update {self.table} set source_file = named.source_file "
            f"from named where {self.table}.song_id = named.song_id"
        )
        # Which of several files a row of the same song came from only its values tell.
        columns = columns_of(cursor, self.reading.dataset)
        rows = self._rows_of(shared, columns)
        cursor.execute(f"delete from {self.table} where source_file is null")
        if cursor.rowcount != len(rows):
            raise AirflowException(
                f"Of {cursor.rowcount} rows that COPY has read, {len(rows)} were found again in "
                "the files. They changed in between, or are read in two ways; the task is tried "
                "again."
            )
        names = ", ".join([*(column.name for column in columns), SOURCE_FILE.name])
        insert_rows(on, cursor, self.table, names, rows)

    def _files_of_songs(self) -> dict[str, list[str]]:
        """Each song's id as the files have it, with the names of those that hold it."""
        found: dict[str, set[str]] = defaultdict(set)
        for file, _, text in _objects(self.source, self.reading.files):
            song = _value("song_id", text)[:LONGEST_ID]
            # Of what COPY rejects nothing has to be known.
            if "\0" not in song and len(song.encode()) <= LONGEST_ID:
                found[song].add(file.name)
        return {song: sorted(names) for song, names in found.items()}

    def _rows_of(
        self, songs: Mapping[str, list[str]], columns: Sequence[Column]
    ) -> list[tuple[Any, ...]]:
        """The rows of songs, with the files' names, as PostgreSQL's loads read them."""
        names = {name for its in songs.values() for name in its}
        files = [file for file in self.reading.files if file.name in names]
        batches = RecordReader(columns, by_file=True).batches(blocks(self.source, files))
        place = [column.name for column in columns].index("song_id")
        rows = (row for batch in batches for frame in batch.frames for row in frame.iter_rows())
        return [row for row in rows if row[place] in songs]

    def _rejects(self) -> list[Reject]:
        """COPY's errors, with the line on which each record begins and its text."""
        errors = {(error.url, error.line): error for error in self.loads.errors}
        files = [file for url, file in self.files.items() if any(url == one for one, _ in errors)]
        rejects = []
        for file, line, text in _objects(self.source, files):
            if error := errors.pop((file.url[:LONGEST_NAME], line + text.count("\n")), None):
                rejects.append(Reject(file, line, error.column, _reason(error, text), text))
        rejects += [
            Reject(self.files[error.url], error.line, error.column, error.message, "")
            for error in errors.values()
        ]
        return rejects


def _shortened(reject: Reject) -> Reject:
    """The reject with as much of its text as Redshift's longest VARCHAR surely holds."""
    return reject._replace(text=reject.text.encode()[:LONGEST_TEXT].decode(errors="ignore"))


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
