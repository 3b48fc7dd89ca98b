"""Rows in PostgreSQL's binary COPY format, which the server takes without parsing a value."""

from collections.abc import Iterator, Sequence

import polars as pl
from pgpq import ArrowToPostgresBinaryEncoder

from sparkify.columns import Column

ROWS = 1 << 14
"""Rows that are encoded in one go."""

AS_THEY_ARE = pl.CompatLevel.newest()
"""Texts are handed over as polars has them, where older readers of Arrow would need a copy."""


class BinaryRows:
    """
    The body of one COPY, frame by frame.

    :param columns: the columns of the table, in the order of the frames'
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        schema = {column.name: column.landed_type for column in columns}
        none = pl.DataFrame(schema=schema).to_arrow(compat_level=AS_THEY_ARE)
        self._encoder = ArrowToPostgresBinaryEncoder(none.schema)

    def begin(self) -> bytes:
        """What stands before the rows."""
        return self._encoder.write_header()

    def rows(self, frame: pl.DataFrame) -> Iterator[bytes]:
        """A frame's rows, in pieces."""
        for batch in frame.to_arrow(compat_level=AS_THEY_ARE).to_batches(max_chunksize=ROWS):
            yield self._encoder.write_batch(batch)

    def end(self) -> bytes:
        """What stands behind the rows."""
        return self._encoder.finish()
