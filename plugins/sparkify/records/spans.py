"""The time that each file may hold, by its name, and the rows of it that lie outside."""

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
"""How the reason of such a reject goes on, after the column."""


class FileSpans:
    """
    What the files of one reading may hold.

    :param column: the column that holds the time of a row
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
        Which moments no row of its file may have; None where there is none.

        :param moments: those of rows, as they are landed
        :param files: the files that the rows are from, in their order, with how many each has
        """
        values = moments.cast(pl.Int64)
        earliest, latest = values.min(), values.max()
        if not isinstance(earliest, int) or not isinstance(latest, int):
            return None
        runs = [(*self._bounds[file], count) for file, count in files if count]
        # Nearly always all of them fit every file, and then no file's own need be looked at.
        if max(start for start, _, _ in runs) <= earliest and latest < min(
            end for _, end, _ in runs
        ):
            return None
        if _each_fits(values, runs):
            return None
        starts, ends = (
            pl.Series([run[which] for run in runs for _ in range(run[2])]) for which in (0, 1)
        )
        return ((values < starts) | (values >= ends)).fill_null(value=False)

    def misfit(self, file: SourceFile, moment: datetime) -> Misfit:
        """Why a row must not be loaded, as it is in this file."""
        shown = moment.isoformat(" ", "milliseconds")
        reason = f"{self.column} {OUTSIDE}, {self.spans[file]}: {shown} UTC"
        return Misfit(self.column, reason, moment)


def _each_fits(values: pl.Series, runs: Iterable[tuple[int, int, int]]) -> bool:
    """Whether all of each run of values, so many, lie between its bounds."""
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
    """What each file may hold; None where their names say nothing of it."""
    if not (partition and partition.names_a_time):
        return None
    spans: dict[SourceFile, Window] = {}
    for file in files:
        span = partition.span(file.name)
        if not span:
            raise AirflowFailException(
                f"The name of the file {file.url} says no time by sparkify_partition, which is "
                f"{partition.template!r}. Rename the file, or give the template fewer globs."
            )
        spans[file] = span
    return FileSpans(time_column, spans)
