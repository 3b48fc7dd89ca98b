"""Redshift's SYS_LOAD_… views: a record of every COPY that survives a rollback."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

SCHEMA = "redshift_system"

# A function that PostgreSQL lacks, and the views as documented, with blank-padded columns.
VIEWS = f"""
create schema if not exists {SCHEMA};
create table if not exists {SCHEMA}.sys_load_history (
    user_id integer, query_id bigint generated always as identity, transaction_id bigint,
    session_id integer, database_name text, status text, table_name text, start_time timestamp,
    end_time timestamp, duration bigint, data_source text, file_format text, loaded_rows bigint,
    loaded_bytes bigint, source_file_count integer, source_file_bytes bigint,
    file_count_scanned integer, file_bytes_scanned bigint, error_count bigint, copy_job_id bigint
);
create table if not exists {SCHEMA}.sys_load_detail (
    user_id integer, query_id bigint, file_name character(256), bytes_scanned integer,
    lines_scanned integer, record_time timestamp, splits_scanned integer, start_time timestamp,
    end_time timestamp, file_etag character(256), file_last_modified timestamp
);
create table if not exists {SCHEMA}.sys_load_error_detail (
    user_id integer, query_id bigint, transaction_id bigint, session_id integer,
    database_name character(64), table_id integer, start_time timestamp, file_name character(256),
    line_number bigint, column_name character(127), column_type character(10),
    column_length character(10), position integer, error_code integer,
    error_message character(512)
);
do $$ begin
    create function {SCHEMA}.strtol(digits text, base integer) returns bigint
    language sql immutable strict
    return case when base = 16 then ('x' || lpad(digits, 16, '0'))::bit(64)::bigint end;
exception when duplicate_function then null;
end $$;
"""


@dataclass(frozen=True)
class LoadError:
    """A record that a COPY could not load."""

    file: str
    line: int
    code: int
    message: str
    column: str = ""
    column_type: str = ""
    column_length: str = ""


class Journal:
    """
    The system views of a database, written outside the client's transaction.

    :param uri: URI of the database
    """

    def __init__(self, uri: str) -> None:
        self._client = psycopg.connect(uri, autocommit=True)
        self._files: list[tuple[object, ...]] = []

    def create_views(self) -> None:
        """Create the views if they do not exist."""
        self._client.execute(VIEWS.encode())

    def start(self, table: str, source: str) -> int:
        """Record the start of a COPY and return its query id."""
        row = self._client.execute(
            f"insert into {SCHEMA}.sys_load_history (user_id, status, table_name, start_time,"
            " data_source, file_format, copy_job_id)"
            " values (100, 'running', %s, now() at time zone 'utc', %s, 'json', 0)"
            " returning query_id".encode(),
            (table, source),
        ).fetchone()
        return int(row[0]) if row else 0

    def add_file(self, query: int, file: str, size: int, lines: int) -> None:
        """Record a file that was read completely."""
        self._files.append((query, file[:256], size, lines))

    def add_errors(self, query: int, errors: Sequence[LoadError]) -> None:
        """Record records that could not be loaded."""
        self._insert(
            f"insert into {SCHEMA}.sys_load_error_detail (user_id, query_id, file_name,"
            " line_number, column_name, column_type, column_length, error_code, error_message)"
            " values (100, %s, %s, %s, %s, %s, %s, %s, %s)".encode(),
            [
                (
                    query,
                    error.file[:256],
                    error.line,
                    error.column,
                    error.column_type[:10],
                    error.column_length,
                    error.code,
                    error.message,
                )
                for error in errors
            ],
        )

    def finish(self, query: int, status: str, rows: int, errors: int) -> None:
        """Record the outcome of a COPY."""
        self._insert(
            f"insert into {SCHEMA}.sys_load_detail (user_id, query_id, file_name, bytes_scanned,"
            " lines_scanned, splits_scanned) values (100, %s, %s, %s, %s, 1)".encode(),
            self._files,
        )
        self._client.execute(
            f"update {SCHEMA}.sys_load_history set status = %s, loaded_rows = %s,"
            " error_count = %s, end_time = now() at time zone 'utc' where query_id = %s".encode(),
            (status, rows, errors, query),
        )

    def _insert(self, statement: bytes, rows: Sequence[tuple[object, ...]]) -> None:
        with self._client.transaction(), self._client.cursor() as cursor:
            cursor.executemany(statement, rows)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
