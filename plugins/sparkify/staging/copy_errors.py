"""Turn the errors of a COPY into rejects, with the text of their records from the files."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, groupby

import orjson

from sparkify.records.blocks import blocks
from sparkify.records.objects import LONGEST_TEXT, ObjectReader
from sparkify.records.rejects import Forgotten, Reject
from sparkify.sources.base import SourceFile
from sparkify.sources.bucket import BucketSource
from sparkify.staging.copy_log import LONGEST_NAME, LoadError

SHOWN_VALUE = 80


def copy_rejects(
    source: BucketSource,
    files: Mapping[str, SourceFile],
    errors: Iterable[LoadError],
    forgotten: Forgotten,
) -> list[Reject]:
    """
    Return COPY's errors with each record's first line and text.

    :param files: the files that were copied, by URL as truncated by the views
    """
    places: defaultdict[tuple[str, int], list[LoadError]] = defaultdict(list)
    for error in errors:
        places[error.url, error.line].append(error)
    urls = {url for url, _ in places}
    erroneous = [file for url, file in files.items() if url in urls]
    rejects = []
    for (file, end), ending in groupby(objects(source, erroneous), _end):
        if not (its := places.pop((file.url[:LONGEST_NAME], end), [])):
            continue
        records = list(ending)
        if len(its) != len(records):
            # Which of the records that end on this line it was, COPY does not say.
            line, texts = records[0][1], " ".join(text for _, _, text in records)
            records = [(file, line, texts)] * len(its)
        for error, (_, line, text) in zip(its, records, strict=True):
            rejects.append(Reject(file, line, error.column, _reason(error, text), text))
    rejects += [
        Reject(files[error.url], error.line, error.column, error.message, "")
        for error in chain(*places.values())
    ]
    redacted = map(forgotten.redact, rejects)
    return [reject._replace(text=reject.text[:LONGEST_TEXT]) for reject in redacted]


def objects(
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


def value(column: str, text: str) -> str:
    """Return an object's value of a column as text; nothing if the text is no object."""
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(fields, dict):
        return ""
    return next((str(value) for key, value in fields.items() if key.lower() == column), "")


def _end(found: tuple[SourceFile, int, str]) -> tuple[SourceFile, int]:
    """Return the line on which an object ends."""
    file, line, text = found
    return file, line + text.count("\n")


def _reason(error: LoadError, text: str) -> str:
    """Add the value to Redshift's message."""
    if not (error.column and (found := value(error.column, text))):
        return ": ".join(filter(None, (error.column, error.message)))
    shown = found if len(found) <= SHOWN_VALUE else f"{found[:SHOWN_VALUE]}…"
    return f"{error.column}: {error.message}: {shown!r}"
