"""Rows reach PostgreSQL as they are, in either form."""

import math
import subprocess
import sys
from datetime import datetime
from typing import Any

import polars as pl
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.servers.postgres import EmbeddedPostgres
from sparkify.records.columns import Column
from sparkify.records.encoding import BinaryEncoder, CSVEncoder, Encoder
from tests.support.search import budget

COLUMNS = [
    Column("words", "text"),
    Column("small", "smallint"),
    Column("whole", "integer"),
    Column("large", "bigint"),
    Column("number", "double precision"),
    Column("moment", "timestamp without time zone"),
]
TEXTS = st.one_of(
    # No text is empty: a null stands for it.
    st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1),
    st.sampled_from(["\\.", "\\N", '"', '""', ",", "a,b", "\r\n", " ", "null", "\ufeff", "\\"]),
)
MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
ROW = st.tuples(
    st.none() | TEXTS,
    st.none() | st.integers(-(2**15), 2**15 - 1),
    st.none() | st.integers(-(2**31), 2**31 - 1),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.none() | MOMENTS,
)


@pytest.fixture(scope="module")
def client(server: EmbeddedPostgres) -> Any:
    with psycopg.connect(server.uri("postgres")) as connection:
        fields = ", ".join(f"{column.name} {column.sql_type}" for column in COLUMNS)
        connection.execute(f"create temp table taken ({fields})")
        yield connection


@pytest.mark.parametrize("form", ["binary", "csv"])
@settings(deadline=None, max_examples=budget(100))
@given(rows=st.lists(ROW, max_size=5))
def test_what_is_sent_is_what_is_held(form: str, rows: list[Any], client: Any) -> None:
    encoder: Encoder = BinaryEncoder(COLUMNS) if form == "binary" else CSVEncoder()
    schema = {column.name: column.staged_type for column in COLUMNS}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    client.execute("truncate taken")
    with client.cursor().copy(f"copy taken from stdin (format {encoder.form})") as copy:
        for piece in (encoder.begin(), *encoder.rows(frame), encoder.end()):
            copy.write(piece)
    held = client.execute("select * from taken").fetchall()
    assert held == rows
    signs = [
        [math.copysign(1, row[4]) for row in side if row[4] is not None] for side in (held, rows)
    ]
    assert signs[0] == signs[1]


def test_rows_are_encoded_without_pyarrow() -> None:
    """Importing it would need 29 MB of the 300 that staging may take."""
    program = """
import sys
import polars
from sparkify.records.columns import Column
from sparkify.records.encoding import BinaryEncoder, encoder
used = encoder([Column("number", "bigint")])
assert isinstance(used, BinaryEncoder)
sent = [used.begin(), *used.rows(polars.DataFrame({"number": [1]})), used.end()]
raise SystemExit("pyarrow" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
