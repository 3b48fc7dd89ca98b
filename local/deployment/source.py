"""The source that ``make run`` loads: the one that was named, or a simulated sample."""

import hashlib
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

from local.terminal.errors import Trouble

LONGEST_WORD = 30
STILL_GROWING = timedelta(days=2)


def source_url(named: str | None, sample: Path) -> str:
    """The URL of the source: a folder's, the one that was given, or the sample's."""
    if not named:
        return sample.as_uri()
    scheme, found, rest = named.partition("://")
    if scheme == "s3":
        return f"s3://{rest.rstrip('/')}"
    if found and scheme != "file":
        raise Trouble(
            f"SPARKIFY_SOURCE={named} cannot be read: give a folder, file:///folder or s3://bucket."
        )
    # However a folder is spelled, it is one source.
    folder = Path(unquote(rest.removeprefix("localhost")) if found else named)
    folder = folder.expanduser().resolve()
    if not folder.is_dir():
        raise Trouble(
            f"The source folder {folder} does not exist. SPARKIFY_SOURCE names a folder that holds "
            "log_data and song_data, or a bucket (s3://…); without it a sample is simulated."
        )
    if not any(file.is_file() for file in folder.rglob("*")):
        raise Trouble(f"The source folder {folder} is empty. {EXPECTED}")
    return folder.as_uri()


EXPECTED = (
    "It must hold event files named like log_data/2018/11/2018-11-01-events.json "
    "(the variable sparkify_partition is the template of these names)."
)


def database_of(source: str) -> str:
    """The name of the database that a source is loaded into: no two sources share one."""
    return f"sparkify_{word_of(source)}_{hashlib.sha256(source.encode()).hexdigest()[:8]}"


def word_of(source: str) -> str:
    """The last part of a source's URL as a plain word, by which a person knows it again."""
    last = unquote(source).rsplit("/", 1)[-1].lower()
    return re.sub("[^a-z0-9]+", "_", last)[:LONGEST_WORD].strip("_") or "source"


def source_in_words(source: str) -> str:
    """The source as a person would name it: a folder by its path."""
    return unquote(source.removeprefix("file://"))


def ended_long_ago(end: datetime) -> bool:
    """Whether a source's last file is so old that it hardly gets another one."""
    return datetime.now(UTC) - end > STILL_GROWING


def print_span(url: str) -> None:
    """Print the range that the source's event files span, or a sentence where it has none."""
    # Importing Airflow takes seconds: only this module's own process does.
    from airflow.sdk.exceptions import AirflowException

    from sparkify.sources.partitions import events_span, no_events

    try:
        span = events_span(url)
        found = [moment.isoformat() for moment in span] if span else no_events(url)
    except AirflowException as error:
        # It says what is wrong and what to do; where in the code says nothing to who called.
        sys.exit(str(error))
    print(json.dumps(found))


def read_span(output: str) -> tuple[datetime, datetime]:
    """What ``print_span`` printed; a source without events is trouble."""
    span = json.loads(output.splitlines()[-1])
    if isinstance(span, str):
        raise Trouble(span)
    start, end = map(datetime.fromisoformat, span)
    return start, end


if __name__ == "__main__":
    print_span(sys.argv[1])
