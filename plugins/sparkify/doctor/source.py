"""Examinations of the source: whether it can be read, its layout, and what a run would read."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from airflow.sdk import BaseHook

from sparkify.doctor.deployment import variables
from sparkify.doctor.examination import CannotTellError, DoesNotHoldError, examination
from sparkify.doctor.subject import Subject
from sparkify.doctor.warehouse import connection
from sparkify.macros import statement
from sparkify.settings import STORAGE, lookback, setting
from sparkify.sources.base import Source, SourceFile
from sparkify.sources.bucket import BucketSource
from sparkify.sources.globs import glob_expression, literal_prefix
from sparkify.sources.open import find, nearby_names, read
from sparkify.sources.partitions import Partition, no_events
from sparkify.warehouse import REDSHIFT
from sparkify.window import HOUR, Window, full_hour

MOST = 10_000
"""Files that are listed at most: a source may hold millions."""

SAMPLE = 1 << 16
"""Bytes that are read of a file."""

NEEDED = {
    "events": {"ts", "page", "userid", "sessionid", "iteminsession"},
    "songs": {"song_id", "title", "artist_id", "artist_name", "duration"},
}
"""The keys, in lower case, without which a record of the source is of no use."""


@examination(needs=[connection])
def source(subject: Subject) -> str:
    """The variable sparkify_source names a place that the warehouse's engine can be loaded from."""
    return subject.source.url if subject.is_postgres else in_s3(setting("source")).url


@examination(needs=[source], fix=f"docs/redshift.md shows the connection {STORAGE}.")
def storage(subject: Subject) -> str:
    """If the source is in S3, there is a connection sparkify_s3 of type aws."""
    if not isinstance(subject.source, BucketSource):
        return "the source is a folder"
    its = BaseHook.get_connection(STORAGE)
    if its.conn_type != "aws":
        raise DoesNotHoldError(f"It is of type {its.conn_type!r}.")
    if its.extra_dejson.get("role_arn"):
        return "with a role, which COPY assumes, too"
    if subject.engine == REDSHIFT:
        return "with a key, which every COPY carries; prefer a role"
    return "with a key" if its.login else "with the machine's own permissions"


@examination(needs=[storage])
def listing(subject: Subject) -> str:
    """The source can be listed."""
    files = list(islice(subject.source.list(""), MOST))
    if not files:
        raise CannotTellError(
            f"{subject.source.url} holds no files", "Let the app write there, then examine again."
        )
    return _count(files)


@examination(needs=[variables, listing])
def event_files(subject: Subject) -> str:
    """The names of the event files match the variable sparkify_partition."""
    found = _events(subject)
    if not found:
        raise DoesNotHoldError(
            no_events(setting("source")), "Set sparkify_partition to the names of the files."
        )
    partition = Partition.from_settings()
    if not partition.names_a_time:
        return f"{_count(found)}, whose names say no time"
    return f"{_count(found)}, {_span(found, partition).touched_hours}"


@examination(needs=[event_files])
def run(subject: Subject) -> str:
    """A run of the newest hour that has ended finds its files."""
    hour = _newest_hour(subject)
    partition = Partition.from_settings()
    window = Window(hour.start - lookback(), hour.end)
    patterns = partition.patterns(window)
    files = {file for pattern in patterns for file in find(subject.source, pattern)}
    if not files:
        raise DoesNotHoldError(
            f"It would look for {', '.join(patterns)}.",
            "The variables sparkify_partition and sparkify_partition_timezone give these names.",
        )
    size = sum(file.size for file in files)
    return f"{hour} would read {_count(files)} of {size:,} bytes, such as {min(files).name}"


@examination(needs=[event_files], fix="Fix the file, or name the keys in a JSONPaths file.")
def events(subject: Subject) -> str:
    """The newest event file can be read, and its records have keys, and times, that fit."""
    file = max(_events(subject), key=lambda one: (one.size > 0, one.name))
    records = list(_records(subject, file))
    if not records:
        raise CannotTellError(f"{file.url} holds no whole record in its first {SAMPLE:,} bytes")
    if setting("jsonpaths"):
        return f"{len(records)} records of {file.name}; a JSONPaths file names the keys"
    _check_keys(records, "events", file)
    span = Partition.from_settings().span(file.name)
    for record in records:
        moment = _moment(record)
        if span and moment and not span.start <= moment < span.end:
            raise DoesNotHoldError(
                f"{file.name} holds an event of {moment:%Y-%m-%d %H:%M} UTC, but by its name only "
                f"{span}.",
                "Set sparkify_partition_timezone to the zone in which files are cut, or "
                "sparkify_partition_slack to the hours by which lines stray.",
            )
    return f"{len(records)} records of {file.name}"


@examination(needs=[variables, listing], fix="Fix the file.")
def songs(subject: Subject) -> str:
    """The song files match the variable sparkify_songs, and can be read."""
    pattern = setting("songs")
    files = list(islice(_matching(subject.source, pattern), MOST))
    if not files:
        names = ", ".join(nearby_names(subject.source, pattern))
        raise CannotTellError(
            f"no name matches {pattern!r}, but there are {names}",
            "Set sparkify_songs to the names of the song files; without them, plays are linked to "
            "no song.",
        )
    records = list(_records(subject, files[0]))
    if records:
        _check_keys(records, "songs", files[0])
    return _count(files)


@examination(
    needs=[connection],
    fix="Correct the variable sparkify_jsonpaths, or delete it: a key then fills the column of its "
    "name.",
)
def jsonpaths(subject: Subject) -> str:
    """The variable sparkify_jsonpaths is empty, or names a file with a path for each column."""
    url = setting("jsonpaths")
    if not url:
        return "a key fills the column of its name, in any case"
    if subject.engine != REDSHIFT:
        raise DoesNotHoldError("JSONPaths work only with Redshift's COPY.")
    folder, _, name = url.rpartition("/")
    opened = in_s3(folder)
    file = next((file for file in opened.list(name) if file.name == name), None)
    if file is None:
        raise DoesNotHoldError(f"{url} does not exist.")
    with closing(read(opened, file)) as content:
        paths = json.loads(content.read(SAMPLE)).get("jsonpaths")
    if not isinstance(paths, list):
        raise DoesNotHoldError(f"{url} has no list jsonpaths, and COPY would then ignore it.")
    columns = re.findall(r"^    \w+ ", statement("schema/staging_events.sql"), re.MULTILINE)
    if len(paths) != len(columns):
        raise DoesNotHoldError(f"{url} has {len(paths)} paths for {len(columns)} columns.")
    return f"{len(paths)} paths"


def in_s3(url: str) -> BucketSource:
    """Open a source that COPY reads."""
    # Imported here, so that a package that is not installed is a finding.
    from sparkify.staging.redshift import source_in_s3

    return source_in_s3(url)


def _events(subject: Subject) -> list[SourceFile]:
    partition = Partition.from_settings()
    listed = subject.source.list(partition.literal_prefix)
    return list(islice((file for file in listed if partition.span(file.name)), MOST))


def _matching(opened: Source, pattern: str) -> Iterator[SourceFile]:
    matches = re.compile(glob_expression(pattern), re.DOTALL).fullmatch
    return (file for file in opened.list(literal_prefix(pattern)) if matches(file.name))


def _span(files: Iterable[SourceFile], partition: Partition) -> Window:
    spans = [span for file in files if (span := partition.span(file.name))]
    return Window(min(span.start for span in spans), max(span.end for span in spans))


def _newest_hour(subject: Subject) -> Window:
    """Return the newest hour that has ended, or the last one of the files if that is earlier."""
    last = full_hour(datetime.now(UTC))
    partition = Partition.from_settings()
    if partition.names_a_time:
        own = Partition(partition.template, partition.zone)
        last = min(last, _span(_events(subject), own).whole_hours.end)
    return Window(last - HOUR, last)


def _records(subject: Subject, file: SourceFile) -> Iterator[dict[str, Any]]:
    """Yield the whole records at the beginning of a file."""
    with closing(read(subject.source, file)) as opened:
        content = opened.read(SAMPLE)
    text = content.decode("utf-8", "replace").lstrip("\ufeff \r\n\t")
    if len(content) == SAMPLE:
        text = text[: text.rfind("\n") + 1]
    decoder = json.JSONDecoder()
    while text:
        try:
            record, end = decoder.raw_decode(text)
        except json.JSONDecodeError as error:
            if error.pos >= len(text.rstrip()) or "\n" not in text:
                return  # the rest of it was not read, or is not written yet
            raise DoesNotHoldError(f"{file.url} holds a line that is no JSON: {error}.") from error
        if not isinstance(record, dict):
            raise DoesNotHoldError(f"{file.url} holds {type(record).__name__}s, not objects.")
        yield record
        text = text[end:].lstrip()


def _check_keys(records: Iterable[dict[str, Any]], kind: str, file: SourceFile) -> None:
    found = {key.lower() for record in records for key in record}
    if missing := sorted(NEEDED[kind] - found):
        raise DoesNotHoldError(f"No record of {file.name} has the key {', '.join(missing)}.")


def _moment(record: dict[str, Any]) -> datetime | None:
    ts: Any = next((value for key, value in record.items() if key.lower() == "ts"), None)
    try:
        since = timedelta(milliseconds=int(ts))
        return datetime(1970, 1, 1, tzinfo=UTC) + since
    except (OverflowError, TypeError, ValueError):
        return None


def _count(files: Iterable[SourceFile]) -> str:
    number = len(list(files))
    more = " or more" if number == MOST else ""
    return f"{number:,} file{'s' if number != 1 else ''}{more}"
