"""The time that each file may hold, according to its name, and the rows outside of it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import polars as pl
from airflow.sdk.exceptions import AirflowFailException

from sparkify.records.rows import Misfit
from sparkify.sources.base import SourceFile
from sparkify.sources.partitions import Partition
from sparkify.window import Window

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

OUTSIDE = "is outside of what the file may hold"
"""The reason of such a reject, after the name of the column."""


class FileSpans:
    """
    The time that each file of a reading may hold.

    :param column: the column with the time of a row
    :param spans: each file's half-open range of time
    """

    def __init__(self, column: str, spans: Mapping[SourceFile, Window]) -> None:
        self.column = column
        self.spans = spans
        self._bounds = {
            file: ((span.start - EPOCH) // MICROSECOND, (span.end - EPOCH) // MICROSECOND)
            for file, span in spans.items()
        }

    def outside(
        self, moments: pl.Series, files: Iterable[tuple[SourceFile, int]]
    ) -> pl.Series | None:
        """
        Mark the moments outside the time of their file; return None if there are none.

        :param moments: times of the rows, as staged
        :param files: files of the rows, in the same order, and how many rows each has
        """
        values = moments.cast(pl.Int64)
        earliest, latest = values.min(), values.max()
        if not isinstance(earliest, int) or not isinstance(latest, int):
            return None
        runs = [(*self._bounds[file], count) for file, count in files if count]
        # Nearly always all rows fit all files, which makes a look at each file unnecessary.
        fits_all = max(run[0] for run in runs) <= earliest and latest < min(run[1] for run in runs)
        if fits_all or _each_fits(values, runs):
            return None
        starts, ends = (
            pl.Series([run[which] for run in runs for _ in range(run[2])]) for which in (0, 1)
        )
        return ((values < starts) | (values >= ends)).fill_null(value=False)

    def misfit(self, file: SourceFile, moment: datetime) -> Misfit:
        """Explain why a row of this file must not be loaded."""
        shown = moment.isoformat(" ", "milliseconds")
        reason = f"{self.column} {OUTSIDE}, {self.spans[file]}: {shown} UTC"
        return Misfit(self.column, reason, moment)


def _each_fits(values: pl.Series, runs: Iterable[tuple[int, int, int]]) -> bool:
    """Whether the values of each run, given as start, end and count, are within its bounds."""
    place = 0
    in_order = not values.null_count() and values.is_sorted()
    for start, end, count in runs:
        if in_order:
            first, last = values[place], values[place + count - 1]
        else:
            its = values.slice(place, count)
            first, last = its.min(), its.max()
        if first is not None and not start <= first <= last < end:
            return False
        place += count
    return True


def file_spans(
    files: Iterable[SourceFile], partition: Partition | None, time_column: str
) -> FileSpans | None:
    """Return the time that each file may hold; None if their names do not contain it."""
    if not (partition and partition.names_a_time):
        return None
    spans: dict[SourceFile, Window] = {}
    for file in files:
        span = partition.span(file.name)
        if not span:
            raise AirflowFailException(
                f"The name of the file {file.url} contains no valid time according to "
                f"sparkify_partition, which is {partition.template!r}. Rename the file, or use "
                "fewer globs in the template."
            )
        spans[file] = span
    return FileSpans(time_column, spans)
