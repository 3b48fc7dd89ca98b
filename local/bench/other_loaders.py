"""Other loaders for the same events; runs in its own environment without Airflow."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from local.bench.rows import COLUMNS, STAR

KEY = ["sessionid", "iteminsession", "ts"]
"""The key of an event of a simulated source."""


def _files(folder: str) -> list[Path]:
    return sorted(Path(folder, "log_data").rglob("*.json"))


def dlt(uri: str, folder: str, table: str, disposition: str) -> Callable[[], Any]:
    """dlt, with Arrow tables and CSV files for COPY, its fastest way into PostgreSQL."""
    import dlt as library
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import json as arrow_json

    kinds = {"text": pa.string(), "integer": pa.int32(), "bigint": pa.int64()}
    kinds |= {"double precision": pa.float64(), "timestamp": pa.int64()}
    written = {_key(name): kinds[kind] for name, kind in COLUMNS.items()}
    written["userId"] = pa.string()
    options = arrow_json.ParseOptions(explicit_schema=pa.schema(list(written.items())))

    def tables() -> Iterator[Any]:
        for file in _files(folder):
            rows = arrow_json.read_json(file, parse_options=options)
            rows = rows.rename_columns([name.lower() for name in rows.column_names])
            users = pc.if_else(pc.equal(rows["userid"], ""), None, rows["userid"])
            times = rows["ts"].cast(pa.timestamp("ms"))
            rows = rows.set_column(rows.column_names.index("userid"), "userid", users.cast("int64"))
            yield rows.set_column(rows.column_names.index("ts"), "ts", times)

    def work() -> Any:
        with tempfile.TemporaryDirectory(prefix="sparkify-dlt-") as state:
            pipeline = library.pipeline(
                "bench",
                destination=library.destinations.postgres(credentials=_credentials(uri)),
                dataset_name=table,
                pipelines_dir=state,
            )
            pipeline.run(
                tables(),
                table_name="events",
                write_disposition=disposition,
                primary_key=KEY if disposition == "merge" else None,
                loader_file_format="csv",
            )

    _drop(
        uri,
        f"drop schema if exists {table} cascade",
        f"drop schema if exists {table}_staging cascade",
    )
    return work


def _credentials(uri: str) -> dict[str, Any]:
    """Return the URI as dlt's credentials, which require a password."""
    parameters = psycopg.conninfo.conninfo_to_dict(uri)
    return {
        "drivername": "postgresql",
        "host": "localhost",
        # The socket's folder takes precedence over the host above.
        "query": {"host": parameters["host"]},
        "port": 5432,
        "username": parameters["user"],
        "password": "none",
        "database": parameters["dbname"],
    }


def pandas(uri: str, folder: str, table: str) -> Callable[[], Any]:
    """pandas, file by file."""
    import pandas as library
    from sqlalchemy import create_engine

    engine = create_engine(uri.replace("postgresql://", "postgresql+psycopg://"))
    _like_staging(uri, table)

    def work() -> None:
        for file in _files(folder):
            # Its faster default is off in the last digit of floats.
            rows = library.read_json(
                file, lines=True, dtype=False, convert_dates=False, precise_float=True
            )
            rows.columns = rows.columns.str.lower()
            rows["ts"] = library.to_datetime(rows["ts"], unit="ms")
            rows["userid"] = library.to_numeric(rows["userid"].replace("", None)).astype("Int64")
            rows.to_sql(table, engine, if_exists="append", index=False, chunksize=10_000)

    return work


def sql_only(uri: str, folder: str, table: str) -> Callable[[], Any]:
    """COPY of the lines as text, which the database parses."""
    _like_staging(uri, table)
    fields = ", ".join(_field(name, kind) for name, kind in COLUMNS.items())

    def work() -> None:
        with psycopg.connect(uri) as client, client.cursor() as cursor:
            cursor.execute("create temp table lines (line text)")
            for file in _files(folder):
                # JSON cannot contain these characters unescaped, so each line is one value.
                options = r"(format csv, delimiter E'\x01', quote E'\x02')"
                with cursor.copy(f"copy lines from stdin {options}".encode()) as copy:
                    copy.write(file.read_bytes())
            cursor.execute(
                f"insert into {table} ({', '.join(COLUMNS)}) select {fields} "
                "from (select cast(line as jsonb) as event from lines) as events".encode()
            )

    return work


def _field(name: str, kind: str) -> str:
    value = f"nullif(event ->> '{_key(name)}', '')"
    if kind == "timestamp":
        return f"timestamp 'epoch' + cast({value} as bigint) * interval '1 ms'"
    return value if kind == "text" else f"cast({value} as {kind})"


def row_by_row(uri: str, folder: str, table: str) -> Callable[[], Any]:
    """As in tutorials: one statement per event, and one per play to find its song."""
    import psycopg2

    _like_staging(uri, table)
    names, marks = ", ".join(COLUMNS), ", ".join(["%s"] * len(COLUMNS))
    insert = f"insert into {table} ({names}) values ({marks})"
    find = (
        "select song_id, artist_id from songs "
        "where title = %s and artist_name = %s and duration = %s"
    )

    def work() -> None:
        with closing(psycopg2.connect(uri)) as client, client.cursor() as cursor:
            for file in _files(folder):
                for line in file.read_text().splitlines():
                    event = json.loads(line)
                    if event["page"] == "NextSong":
                        cursor.execute(find, (event["song"], event["artist"], event["length"]))
                        cursor.fetchone()
                    cursor.execute(insert, [_value(event, name) for name in COLUMNS])
            client.commit()

    return work


def _value(event: dict[str, Any], name: str) -> Any:
    from datetime import UTC, datetime

    value = event[_key(name)]
    if name == "ts":
        return datetime.fromtimestamp(value / 1000, UTC).replace(tzinfo=None)
    return None if value == "" else value


KEYS = ("firstName", "itemInSession", "lastName", "sessionId", "userAgent", "userId")


def _key(name: str) -> str:
    return {key.lower(): key for key in KEYS}.get(name, name)


def _like_staging(uri: str, table: str) -> None:
    _drop(uri, f"drop table if exists {table}", f"create table {table} (like staging_events)")


def _drop(uri: str, *statements: str) -> None:
    with psycopg.connect(uri, autocommit=True) as client:
        for statement in statements:
            client.execute(statement.encode())


def duckdb_star(folder: str, file: str) -> Callable[[], Any]:
    """DuckDB's reader and a star schema with primary keys in a DuckDB file."""
    import duckdb

    Path(file).unlink(missing_ok=True)
    script = Path(__file__).with_name("star.sql").read_text().replace("FOLDER", folder)

    def work() -> dict[str, Any]:
        with duckdb.connect(file) as client:
            for statement in script.split(";\n"):
                client.execute(statement)
            [counts] = client.execute(STAR).fetchall()
        return {"rows": counts}

    return work
