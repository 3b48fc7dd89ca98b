"""Encode rows for PostgreSQL's COPY."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import polars as pl

from sparkify.records.columns import Column

try:
    import pgpq
    from arro3.core import RecordBatchReader
except ImportError:
    pgpq = None  # type: ignore[assignment]  # absent where it has no wheel

ROWS = 1 << 14
"""Rows to encode at once."""


class Encoder(Protocol):
    """Encodes the body of one COPY, frame by frame."""

    form: str
    """The format's name in the COPY statement."""

    def begin(self) -> bytes:
        """Return the header."""

    def rows(self, frame: pl.DataFrame) -> Iterator[bytes]:
        """Yield the rows of a frame, in pieces."""

    def end(self) -> bytes:
        """Return the trailer."""


def encoder(columns: Sequence[Column]) -> Encoder:
    """
    Return the fastest encoder available for these columns.

    The server loads binary rows without parsing; CSV costs it half as much again. pgpq, which
    encodes them, has no wheel for Linux on arm64.
    """
    return BinaryEncoder(columns) if pgpq else CSVEncoder()


class BinaryEncoder:
    """
    Rows in PostgreSQL's binary format.

    arro3-core makes the batches that pgpq takes: importing pyarrow would need 29 MB.

    :param columns: the columns of the frames, in order
    """

    form = "binary"

    def __init__(self, columns: Sequence[Column]) -> None:
        schema = {column.name: column.staged_type for column in columns}
        empty = RecordBatchReader.from_stream(pl.DataFrame(schema=schema))
        self._encoder = pgpq.ArrowToPostgresBinaryEncoder(empty.schema)

    def begin(self) -> bytes:
        """Return the header."""
        return self._encoder.write_header()

    def rows(self, frame: pl.DataFrame) -> Iterator[bytes]:
        """Yield the rows of a frame, in pieces."""
        for piece in frame.iter_slices(ROWS):
            for batch in RecordBatchReader.from_stream(piece):
                yield self._encoder.write_batch(batch)

    def end(self) -> bytes:
        """Return the trailer."""
        return self._encoder.finish()


class CSVEncoder:
    """Rows as CSV: null is empty, and all text is quoted, so that none is read as null."""

    form = "csv"

    def begin(self) -> bytes:
        """Return no header."""
        return b""

    def rows(self, frame: pl.DataFrame) -> Iterator[bytes]:
        """Yield the rows of a frame, in pieces."""
        for piece in frame.iter_slices(ROWS):
            yield piece.write_csv(include_header=False, quote_style="non_numeric").encode()

    def end(self) -> bytes:
        """Return no trailer."""
        return b""
