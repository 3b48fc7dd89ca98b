"""Load files into Redshift with COPY."""

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

from airflow.sdk.exceptions import AirflowException, AirflowFailException
from redshift_connector.error import Error as RedshiftError

from sparkify.records.blocks import UNREADABLE
from sparkify.records.columns import columns_of
from sparkify.records.file_keys import SAMPLED, FileKeys, some
from sparkify.records.keys import KeyMap
from sparkify.records.spans import FileSpans, file_spans
from sparkify.sources.base import SourceFile
from sparkify.sources.bucket import BucketSource
from sparkify.sources.open import open_source, read
from sparkify.staging.copy_log import LoadError, failed_load, last_load, loads_since
from sparkify.staging.ledger import Reading, Tally
from sparkify.staging.prefixes import beginning, prefixes
from sparkify.staging.reconciliation import Reconciliation, Snapshot
from sparkify.staging.strays import alternating, unit
from sparkify.warehouse import WarehouseError, commit, explain, rollback, without_values

log = logging.getLogger(__name__)

FEW, MANY_COPIES = 3, 20
SHOWN = 20


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
    cursor: Any,
    source: BucketSource,
    reading: Reading,
    table: str,
    rules: Mapping[str, str],
    manifests: str,
    copy: Callable[[Copy], str],
) -> Tally:
    """
    Recreate a run's staging table and fill it with the records of the reading's files.

    :param manifests: URL of a location for manifests; if empty, COPY reads by prefix
    :param copy: returns the statement of one COPY
    """
    columns = columns_of(cursor, reading.dataset)
    keys = FileKeys(KeyMap(column.name for column in columns), by_file=not reading.by_file)
    _sample(source, reading.files, keys)
    cursor.execute(f"drop table if exists {table}")
    cursor.execute(f"create table {table} (like {reading.dataset} including defaults)")

    def copy_all(copies: Sequence[Copy]) -> None:
        for one in copies:
            try:
                cursor.execute(copy(one))
            except RedshiftError as error:
                rollback(cursor)
                if not isinstance(explained := explain(error), WarehouseError | RedshiftError):
                    raise explained from None
                raise _failure(one, explained, failed_load(cursor, table, earlier)) from None

    def copy_files(files: Sequence[SourceFile]) -> None:
        copy_all(list(_copies(source, files, manifests, table)))

    spans = file_spans(reading.files, reading.partition, reading.time_column)
    groups = [
        (files, list(_copies(source, files, manifests, f"{table}-{number}" if number else table)))
        for number, files in enumerate(_groups(reading.files, spans, manifests))
    ]
    earlier = last_load(cursor, table)
    snapshots: list[Snapshot] = []
    for files, copies in groups:
        copy_all(copies)
        if spans and len(set(spans.spans.values())) > 1:
            snapshots.append(Snapshot(files, _rows_by_time(cursor, table, spans)))
    commit(cursor)
    empty_files = sum(not file.size for file in reading.files)
    count = sum(len(copies) for _, copies in groups)
    loads = loads_since(cursor, table, earlier, count, empty_files)
    reconciliation = Reconciliation(
        cursor, source, reading, table, rules, spans, snapshots, loads, copy_files, Tally(keys=keys)
    )
    reconciliation.run()
    return reconciliation.tally


def _sample(source: BucketSource, files: Sequence[SourceFile], keys: FileKeys) -> None:
    """Sample the keys of the files, with a request or two each."""
    chosen = some(files)
    with ThreadPoolExecutor(source.readers, thread_name_prefix="sample") as readers:
        for file, parts in zip(chosen, readers.map(partial(_ends, source), chosen), strict=True):
            for part, is_cut in parts:
                keys.add(file, part, is_cut=is_cut)


def _ends(source: BucketSource, file: SourceFile) -> Iterable[tuple[bytes, bool]]:
    """Return the beginning and end of a file, and whether each is cut off behind."""
    try:
        with closing(read(source, file)) as content:
            beginning = content.read(2 * SAMPLED + 1)
    except UNREADABLE:  # COPY says so
        return []
    if len(beginning) <= 2 * SAMPLED:
        return [(beginning, False)]
    parts = [(beginning[:SAMPLED], True)]
    if not _is_compressed(file):
        parts.append((source.end(file, SAMPLED).partition(b"\n")[2], False))
    return parts


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


def _rows_by_time(cursor: Any, table: str, spans: FileSpans) -> Counter[datetime]:
    moment = f"date_trunc('{unit(spans.spans.values())}', {spans.column})"
    cursor.execute(f"select {moment}, count(*) from {table} group by {moment}")
    return Counter({moment.replace(tzinfo=UTC): count for moment, count in cursor.fetchall()})


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


def _failure(copied: Copy, error: Exception, errors: Sequence[LoadError]) -> AirflowException:
    """Explain a COPY's failure, which is permanent if records do not fit."""
    failed = f"The COPY of {copied.url} failed; nothing was staged. {error}"
    if not errors:
        return AirflowException(failed)
    records = [
        f"{bad.url}, line {bad.line}: {bad.column}: {without_values(bad.message)}"
        for bad in errors[:SHOWN]
    ]
    for record in records:
        log.error("Not loaded: %s", record)
    return AirflowFailException(
        f"{failed} The first of {len(errors)} records that cannot be loaded: {records[0]}. Fix the "
        "files, then clear this task."
    )
