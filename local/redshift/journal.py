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
create table if not exists {SCHEMA}.load_detail (
    user_id integer, query_id bigint, file_name character(256), bytes_scanned integer,
    lines_scanned integer, record_time timestamp, splits_scanned integer, start_time timestamp,
    end_time timestamp, file_etag character(256), file_last_modified timestamp,
    shown_at timestamptz
);
create table if not exists {SCHEMA}.load_error_detail (
    user_id integer, query_id bigint, transaction_id bigint, session_id integer,
    database_name character(64), table_id integer, start_time timestamp, file_name character(256),
    line_number bigint, column_name character(127), column_type character(10),
    column_length character(10), position integer, error_code integer,
    error_message character(512), shown_at timestamptz
);
create or replace view {SCHEMA}.sys_load_detail as
select user_id, query_id, file_name, bytes_scanned, lines_scanned, record_time, splits_scanned,
    start_time, end_time, file_etag, file_last_modified
from {SCHEMA}.load_detail where shown_at <= clock_timestamp();
create or replace view {SCHEMA}.sys_load_error_detail as
select user_id, query_id, transaction_id, session_id, database_name, table_id, start_time,
    file_name, line_number, column_name, column_type, column_length, position, error_code,
    error_message
from {SCHEMA}.load_error_detail where shown_at <= clock_timestamp();
create or replace view {SCHEMA}.svv_roles as
select cast(oid as integer) as role_id, cast(rolname as text) as role_name,
    cast(current_user as text) as role_owner, cast(null as text) as external_id
from pg_roles where not rolcanlogin and rolname not like 'pg\\_%';
do $$ begin
    create function {SCHEMA}.strtol(digits text, base integer) returns bigint
    language sql immutable strict
    return case when base = 16 then ('x' || lpad(digits, 16, '0'))::bit(64)::bigint end;
exception when duplicate_function then null;
end $$;
"""

# Functions whose results have other types in PostgreSQL: AVG, r_AVG.html, returns a BIGINT for
# integers and keeps the scale of a NUMERIC; EXTRACT, r_EXTRACT_function.html, returns an INTEGER
# unless its source has a time zone.
FUNCTIONS = f"""
create or replace function {SCHEMA}.whole_average(state bigint[]) returns bigint
language sql immutable return case when state[1] > 0 then state[2] / state[1] end;
create or replace function {SCHEMA}.add(state bigint[], value bigint) returns bigint[]
language sql immutable strict return array[state[1] + 1, state[2] + value];
create or replace function {SCHEMA}.add(state numeric[], value numeric) returns numeric[]
language sql immutable strict
return array[state[1] + 1, state[2] + value, greatest(state[3], scale(value))];
create or replace function {SCHEMA}.exact_average(state numeric[]) returns numeric
language sql immutable
return case when state[1] > 0 then trunc(state[2] / state[1], cast(state[3] as integer)) end;
create or replace aggregate {SCHEMA}.avg(smallint) (
    sfunc = int2_avg_accum, stype = bigint[], initcond = '{{0,0}}',
    finalfunc = {SCHEMA}.whole_average
);
create or replace aggregate {SCHEMA}.avg(integer) (
    sfunc = int4_avg_accum, stype = bigint[], initcond = '{{0,0}}',
    finalfunc = {SCHEMA}.whole_average
);
create or replace aggregate {SCHEMA}.avg(bigint) (
    sfunc = {SCHEMA}.add, stype = bigint[], initcond = '{{0,0}}',
    finalfunc = {SCHEMA}.whole_average
);
create or replace aggregate {SCHEMA}.avg(numeric) (
    sfunc = {SCHEMA}.add, stype = numeric[], initcond = '{{0,0,0}}',
    finalfunc = {SCHEMA}.exact_average
);
create or replace aggregate {SCHEMA}.avg(double precision) (
    sfunc = float8_accum, stype = double precision[], initcond = '{{0,0,0}}',
    finalfunc = float8_avg
);
create or replace function {SCHEMA}.date_part(part text, moment timestamp) returns integer
language sql immutable strict return cast(trunc(pg_catalog.date_part(part, moment)) as integer);
create or replace function {SCHEMA}.date_part(part text, day date) returns integer
language sql immutable strict return cast(trunc(pg_catalog.date_part(part, day)) as integer);
create or replace function {SCHEMA}.date_part(part text, span interval) returns integer
language sql immutable strict return cast(trunc(pg_catalog.date_part(part, span)) as integer);
create or replace function {SCHEMA}.date_part(part text, moment timestamptz)
returns double precision
language sql stable strict return pg_catalog.date_part(part, moment);
"""

ISOLATION_LEVELS = {"snapshot": "Snapshot Isolation", "serializable": "Serializable"}
"""How STV_DB_ISOLATION_LEVEL, r_STV_DB_ISOLATION_LEVEL.html, shows what ALTER DATABASE sets."""

LAG = 0.3
"""Seconds after the end of a COPY until the views show its files and errors."""


COMPARISONS = {"<": "lt", "<=": "le", "=": "eq", ">=": "ge", ">": "gt", "<>": "ne"}


def _trailing_blanks() -> str:
    """
    Return statements that make comparisons of VARCHAR ignore trailing blanks.

    Character types, r_Character_types.html. PostgreSQL does so for CHAR, whose functions also work
    for VARCHAR. The operators come first because they take exactly this type, and the operator
    classes apply to GROUP BY, DISTINCT and joins.
    """
    functions = [
        *((f"varchar{name}", "varchar, varchar", "boolean") for name in COMPARISONS.values()),
        ("varcharcmp", "varchar, varchar", "integer"),
        ("hashvarchar", "varchar", "integer"),
        ("hashvarcharextended", "varchar, bigint", "bigint"),
    ]
    created = [
        f"create function {SCHEMA}.{name}({arguments}) returns {result} language internal "
        f"immutable strict parallel safe as '{name.replace('varchar', 'bpchar')}'"
        for name, arguments, result in functions
    ]
    opposite = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
    mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
    created += [
        f"create operator {SCHEMA}.{sign} (leftarg = varchar, rightarg = varchar, "
        f"function = {SCHEMA}.varchar{name}, "
        f"commutator = operator({SCHEMA}.{mirrored.get(sign, sign)}), "
        f"negator = operator({SCHEMA}.{opposite[sign]})"
        f"{', restrict = eqsel, join = eqjoinsel, hashes, merges' if sign == '=' else ''})"
        for sign, name in COMPARISONS.items()
    ]
    ordered = ", ".join(
        f"operator {number} {SCHEMA}.{sign}" for number, sign in enumerate(list(COMPARISONS)[:5], 1)
    )
    created += [
        f"create operator class {SCHEMA}.varchar_order default for type varchar using btree as "
        f"{ordered}, function 1 {SCHEMA}.varcharcmp(varchar, varchar)",
        f"create operator class {SCHEMA}.varchar_hash default for type varchar using hash as "
        f"operator 1 {SCHEMA}.=, function 1 {SCHEMA}.hashvarchar(varchar), "
        f"function 2 {SCHEMA}.hashvarcharextended(varchar, bigint)",
    ]
    once = f"if to_regprocedure('{SCHEMA}.varcharcmp(varchar, varchar)') is null then"
    return f"do $$ begin {once} {'; '.join(created)}; end if; end $$"


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
        self._client.execute(FUNCTIONS.encode())
        self._client.execute(_trailing_blanks().encode())
        self.show_isolation("snapshot")

    def show_isolation(self, level: str) -> None:
        """Show the isolation level of the database."""
        self._client.execute(
            f"create or replace view {SCHEMA}.stv_db_isolation_level as"
            " select cast(datname as character(128)) as db_name,"
            f" cast('{ISOLATION_LEVELS[level]}' as character(20)) as isolation_level"
            " from pg_database where datname = current_database()".encode()
        )

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
            f"insert into {SCHEMA}.load_error_detail (user_id, query_id, file_name,"
            " line_number, column_name, column_type, column_length, error_code, error_message,"
            " shown_at) values (100, %s, %s, %s, %s, %s, %s, %s, %s,"
            f" clock_timestamp() + {LAG} * interval '1 second')".encode(),
            [
                (
                    query,
                    error.file[:256],
                    error.line,
                    error.column or None,
                    error.column_type[:10] or None,
                    error.column_length or None,
                    error.code,
                    error.message,
                )
                for error in errors
            ],
        )

    def finish(self, query: int, status: str, rows: int, errors: int) -> None:
        """Record the outcome of a COPY."""
        self._insert(
            f"insert into {SCHEMA}.load_detail (user_id, query_id, file_name, bytes_scanned,"
            " lines_scanned, splits_scanned, shown_at) values (100, %s, %s, %s, %s, 1,"
            f" clock_timestamp() + {LAG} * interval '1 second')".encode(),
            # The view does not show empty objects.
            [file for file in self._files if file[2]],
        )
        self._client.execute(
            f"update {SCHEMA}.sys_load_history set status = %s, loaded_rows = %s,"
            " error_count = %s, source_file_count = %s, end_time = now() at time zone 'utc'"
            " where query_id = %s".encode(),
            (status, rows, errors, len(self._files), query),
        )

    def _insert(self, statement: bytes, rows: Sequence[tuple[object, ...]]) -> None:
        with self._client.transaction(), self._client.cursor() as cursor:
            cursor.executemany(statement, rows)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
