"""The source that ``make run`` loads: the one that was named, or a simulated sample."""

import json
import sys
from datetime import datetime
from pathlib import Path

from local.trouble import Trouble


def source_url(named: str | None, sample: Path) -> str:
    """The URL of the source: a folder's, the one that was given, or the sample's."""
    if not named:
        return sample.as_uri()
    if "://" in named:
        _check_scheme(named)
        return named
    folder = Path(named).expanduser().resolve()
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


def _check_scheme(url: str) -> None:
    if url.split("://", 1)[0] not in ("file", "s3"):
        raise Trouble(
            f"SPARKIFY_SOURCE={url} cannot be read: give a folder, file:///folder or s3://bucket."
        )


def print_span(url: str) -> None:
    """Print the range that the source's event files span, as two lines; none when it has none."""
    # Importing Airflow takes seconds: only this module's own process does.
    from airflow.sdk.exceptions import AirflowException

    from sparkify.partitions import events_span

    try:
        span = events_span(url)
    except AirflowException as error:
        # It says what is wrong and what to do; where in the code says nothing to who called.
        sys.exit(str(error))
    print(json.dumps(None if span is None else [moment.isoformat() for moment in span]))


def read_span(output: str, url: str) -> tuple[datetime, datetime]:
    """What ``print_span`` printed; a source without events is trouble."""
    span = json.loads(output.splitlines()[-1])
    if span is None:
        raise Trouble(f"The source {url} holds no event files. {EXPECTED}")
    start, end = map(datetime.fromisoformat, span)
    return start, end


if __name__ == "__main__":
    print_span(sys.argv[1])
