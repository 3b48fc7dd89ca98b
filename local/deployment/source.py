"""The source that ``make run`` loads: the user's, or a simulated sample."""

import hashlib
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

from local.terminal.errors import UserError

SLUG_LENGTH = 30
STILL_GROWING = timedelta(days=2)


def source_url(named: str | None, sample: Path) -> str:
    """Return the URL of the named source, or of the sample."""
    if not named:
        return sample.as_uri()
    scheme, found, rest = named.partition("://")
    if scheme == "s3":
        return f"s3://{rest.rstrip('/')}"
    if found and scheme != "file":
        raise UserError(
            f"SPARKIFY_SOURCE={named} cannot be read: use a folder, file:///folder or s3://bucket."
        )
    # Resolved, so that every spelling of a folder is the same source.
    folder = Path(unquote(rest.removeprefix("localhost")) if found else named)
    folder = folder.expanduser().resolve()
    if not folder.is_dir():
        raise UserError(
            f"The source folder {folder} does not exist. SPARKIFY_SOURCE names a folder with "
            "log_data and song_data, or a bucket (s3://…); without it, a sample is simulated."
        )
    if not any(file.is_file() for file in folder.rglob("*")):
        raise UserError(f"The source folder {folder} is empty. {EXPECTED}")
    return folder.as_uri()


EXPECTED = (
    "It must contain event files named like log_data/2018/11/2018-11-01-events.json "
    "(the variable sparkify_partition is the template of these names)."
)


def database_name(source: str) -> str:
    """Return the name of a source's database, which no other source shares."""
    return f"sparkify_{slug(source)}_{hashlib.sha256(source.encode()).hexdigest()[:8]}"


def slug(source: str) -> str:
    """Return the last part of a source's URL as an identifier that the user recognizes."""
    last = unquote(source).rsplit("/", 1)[-1].lower()
    return re.sub("[^a-z0-9]+", "_", last)[:SLUG_LENGTH].strip("_") or "source"


def display_name(source: str) -> str:
    """Return the source as shown to the user: a folder by its path."""
    return unquote(source.removeprefix("file://"))


def ended_long_ago(end: datetime) -> bool:
    """Return whether a source's last file is so old that no more are expected."""
    return datetime.now(UTC) - end > STILL_GROWING


def print_span(url: str) -> None:
    """Print the time range of the source's event files, or a message if there are none."""
    # Imported here because it takes seconds.
    from airflow.sdk.exceptions import AirflowException

    from sparkify.sources.partitions import events_span, no_events

    try:
        span = events_span(url)
        found = [moment.isoformat() for moment in span] if span else no_events(url)
    except AirflowException as error:
        # The message says what to do; a traceback would not help.
        sys.exit(str(error))
    print(json.dumps(found))


def read_span(output: str) -> tuple[datetime, datetime]:
    """Parse the output of ``print_span``; raise if the source has no events."""
    span = json.loads(output.splitlines()[-1])
    if isinstance(span, str):
        raise UserError(span)
    start, end = map(datetime.fromisoformat, span)
    return start, end


if __name__ == "__main__":
    print_span(sys.argv[1])
