"""Turn the errors of a COPY into rejects, with the text of their records from the files."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, groupby

import orjson

from sparkify.records.blocks import blocks
from sparkify.records.objects import LONGEST_TEXT, UNFINISHED, Broken, Found, ObjectReader
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
            texts = " ".join(found.text for _, found in records)
            records = [(file, records[0][1]._replace(text=texts))] * len(its)
        for error, (_, found) in zip(its, records, strict=True):
            reason = _reason(error, found)
            rejects.append(Reject(file, found.line, error.column, reason, found.text))
    rejects += [
        Reject(files[error.url], error.line, error.column, error.message, "")
        for error in chain(*places.values())
    ]
    redacted = map(forgotten.redact, rejects)
    return [reject._replace(text=reject.text[:LONGEST_TEXT]) for reject in redacted]


def objects(
    source: BucketSource, files: Iterable[SourceFile]
) -> Iterator[tuple[SourceFile, Found | Broken]]:
    """Yield every object of the files, or broken text, with its file."""
    unfinished: ObjectReader | None = None
    for block in blocks(source, files):
        for segment in block:
            reader = unfinished or ObjectReader(segment.first_line)
            for found in reader.objects(segment.lines, is_last=segment.is_last):
                yield segment.file, found
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


def _end(one: tuple[SourceFile, Found | Broken]) -> tuple[SourceFile, int]:
    """Return the line on which an object ends."""
    file, found = one
    return file, found.line + found.text.count("\n")


def _reason(error: LoadError, found: Found | Broken) -> str:
    """Add the value, or that the file ends there, to Redshift's message."""
    message = ": ".join(filter(None, (error.column, error.message)))
    if isinstance(found, Broken):
        return message + UNFINISHED * found.reason.endswith(UNFINISHED)
    if not (error.column and (given := value(error.column, found.text))):
        return message
    shown = given if len(given) <= SHOWN_VALUE else f"{given[:SHOWN_VALUE]}…"
    return f"{message}: {shown!r}"
