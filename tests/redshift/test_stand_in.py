"""The stand-in refuses what Redshift refuses, and does in Redshift's way what it does otherwise."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest
import redshift_connector
from redshift_connector.error import Error, InterfaceError, ProgrammingError

from local.redshift import journal
from local.redshift.isolation import SERIALIZABLE, SNAPSHOT
from local.redshift.refusals import RESERVED, RedshiftError, refuse
from local.redshift.server import RedshiftServer
from local.redshift.statements import Statement
from local.servers.databases import database
from local.servers.postgres import EmbeddedPostgres
from local.servers.s3 import Storage
from tests.support.redshift import refused_by_redshift

KEYS = "credentials 'aws_access_key_id=key;aws_secret_access_key=secret'"


class Client:
    """A client with Redshift's own driver."""

    def __init__(self, server: RedshiftServer, name: str, password: str | None = None) -> None:
        self.connection = redshift_connector.connect(
            host="127.0.0.1",
            port=server.port,
            user="loader",
            password=password or server.password,
            database=name,
            ssl=False,
            # What does not answer fails, instead of waiting for ever.
            timeout=20,
        )

    def rows(self, sql: str, parameters: Any = None) -> Any:
        with closing(self.connection.cursor()) as cursor:
            cursor.execute(sql, parameters)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else None

    def commit(self) -> None:
        self.connection.commit()

    def rollback(self) -> None:
        self.connection.rollback()


@pytest.fixture(scope="module")
def its_database(server: EmbeddedPostgres, redshift_server: RedshiftServer) -> Iterator[str]:
    with database(server, "stand_in") as name:
        yield name


@pytest.fixture
def clients(redshift_server: RedshiftServer, its_database: str) -> Iterator[tuple[Client, Client]]:
    both = Client(redshift_server, its_database), Client(redshift_server, its_database)
    both[0].rows("drop table if exists plays")
    both[0].rows("drop table if exists other")
    both[0].rows("create table plays (id integer, name varchar(8), primary key (id)) sortkey (id)")
    both[0].rows("create table other (id integer)")
    both[0].commit()
    yield both
    for client in both:
        client.connection.close()


@pytest.fixture
def client(clients: tuple[Client, Client]) -> Client:
    return clients[0]


REFUSED = [
    "insert into plays (id) values (1) on conflict do nothing",
    "select distinct on (id) id from plays",
    "insert into plays (id) values (1) returning id",
    "select count(*) filter (where id = 1) from plays",
    "create table t (id serial)",
    "create sequence s",
    "create index i on plays (id)",
    "create unlogged table t (id integer)",
    "create temp table t (id integer) on commit drop",
    "create table t (like plays including all)",
    "create table t (id integer, check (id > 0))",
    'create table t (name varchar(8) collate "C")',
    "create table t (id integer, twice integer generated always as (2 * id) stored)",
    "select * from plays, lateral (select 1) as one",
    "select * from (values (1)) as listed",
    "select array[1]",
    "select * from plays where id = any($1)",
    "create table t (body jsonb)",
    "select name::json from plays",
    "create table t (id uuid)",
    "select * from generate_series(1, 3)",
    "select string_agg(name, ',') from plays",
    "select to_regclass('plays')",
    "select format('%', 1)",
    "select now()",
    "select 1 from plays where id is distinct from 1",
    "select sum(id) over w from plays window w as (order by id)",
    "select sum(id) over (order by id) from plays",
    "select lag(id, 1, 0) over (order by id) from plays",
    "select * from plays for update",
    "savepoint s",
    "do $$ begin end $$",
    "lock table plays in exclusive mode",
    "delete from plays as p where p.id = 1",
    "create table t (name varchar(70000))",
    "comment on index i is 'one'",
    "create table t (id integer) diststyle key",
    "alter table plays add column a integer, add column b integer",
    "alter table plays add column if not exists a integer",
    "alter table plays add column a integer not null",
    "alter table plays alter column id drop default",
    "alter table plays alter column id set not null",
    "select 1 as tag",
    "merge into plays as p using other on p.id = other.id"
    " when matched then update set name = 'x' when not matched then insert (id) values (other.id)",
    "merge into plays using other on plays.id = other.id"
    " when matched and plays.id > 1 then update set name = 'x'"
    " when not matched then insert (id) values (other.id)",
    "merge into plays using other on plays.id = other.id when matched then delete",
    "merge into plays using (select 1 as id) as new on plays.id = new.id"
    " when matched then update set name = 'x' when not matched then insert (id) values (new.id)",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_what_redshift_refuses_is_refused(statement: str) -> None:
    with pytest.raises(RedshiftError):
        Statement(statement).for_postgres()


TAKEN = [
    "select 'on conflict do nothing, returning, now()' as text -- distinct on",
    "select row_number() over (partition by id order by name) from plays",
    "select sum(id) over (order by id rows unbounded preceding) from plays",
    "select count(*) from plays group by id order by 1 limit 3",
    "merge into plays using other on plays.id = other.id"
    " when matched then update set name = 'x' when not matched then insert (id) values (other.id)",
    "delete from plays using other where plays.id = other.id",
    "create temp table incoming (like plays)",
    "create table t (id integer not null) diststyle all compound sortkey (id)",
    "lock table plays",
    "alter table plays add column a varchar(8)",
    "alter table plays add column a bigint default 0 not null",
    "alter table plays drop constraint plays_pkey",
    "alter table plays alter diststyle auto",
    "alter table plays alter sortkey (name)",
    "alter table plays rename column name to title",
    "comment on table plays is 'One row per play'",
    "comment on column plays.id is null",
    "select extract(week from timestamp '2018-11-15')",
]


@pytest.mark.parametrize("statement", TAKEN)
def test_what_redshift_takes_is_taken(client: Client, statement: str) -> None:
    client.rows(statement)
    client.rollback()


def test_a_refusal_fails_the_transaction(client: Client) -> None:
    client.rows("insert into plays (id) values (1)")
    with pytest.raises(ProgrammingError, match="CREATE INDEX"):
        client.rows("create index i on plays (id)")
    with pytest.raises(ProgrammingError, match="aborted"):
        client.rows("select 1 as still")
    client.rollback()
    assert client.rows("select count(*) from plays") == [(0,)]


def test_reserved_words_are_no_names() -> None:
    for word in RESERVED:
        with pytest.raises(RedshiftError, match=word):
            refuse(f"select 1 as {word}")


def test_a_statement_at_a_time(client: Client) -> None:
    with pytest.raises(ProgrammingError, match="multiple commands"):
        client.rows("select 1; select 2")
    client.rollback()


def test_keys_are_declared_and_not_enforced(client: Client) -> None:
    client.rows("insert into plays (id) values (%s), (%s)", (1, 1))
    assert client.rows("select count(*) from plays") == [(2,)]
    client.rollback()


@pytest.mark.parametrize("like", ["plays", "(like plays)", "(like plays including defaults)"])
def test_a_text_is_as_long_as_its_bytes(client: Client, like: str) -> None:
    table = "plays"
    if like != table:
        client.rows(f"create temp table incoming {like}")
        table = "incoming"
    client.rows(f"insert into {table} (name) values (%s)", ("éééé",))
    with pytest.raises(ProgrammingError, match="too long for type character varying"):
        client.rows(f"insert into {table} (name) values (%s)", ("ééééé",))
    client.rollback()


def test_a_text_without_a_length_has_256_bytes(client: Client) -> None:
    client.rows("create temp table t (name varchar)")
    client.rows("insert into t (name) values (%s)", ("x" * 256,))
    with pytest.raises(ProgrammingError, match="too long"):
        client.rows("insert into t (name) values (%s)", ("x" * 257,))
    client.rollback()


def test_truncate_commits(clients: tuple[Client, Client]) -> None:
    one, two = clients
    one.rows("insert into other (id) values (1)")
    one.rows("insert into plays (id) values (1)")
    one.rows("truncate table plays")
    one.rollback()
    assert two.rows("select count(*) from other") == [(1,)]
    assert two.rows("select count(*) from plays") == [(0,)]


def test_two_writers_of_one_table_meet_error_1023(clients: tuple[Client, Client]) -> None:
    one, two = clients
    met: list[Any] = []

    def write_too() -> None:
        try:
            two.rows("delete from plays where id = 2")
            two.commit()
        except Error as error:
            met.append(error.args[0])
            two.rollback()

    one.rows("delete from plays where id = 1")
    second = threading.Thread(target=write_too)
    second.start()
    second.join(0.3)
    assert second.is_alive(), "the second waits for the first"
    one.commit()
    second.join()
    assert [error["M"] for error in met] == ["1023"]
    assert "Serializable isolation violation on table - plays" in met[0]["D"]
    # Tried again, it sees what the first has done.
    two.rows("delete from plays where id = 2")
    two.commit()


def test_who_locks_before_looking_meets_nobody(clients: tuple[Client, Client]) -> None:
    one, two = clients
    seen: list[Any] = []

    def write_too() -> None:
        two.rows("lock table plays")
        seen.extend(two.rows("select count(*) from plays"))
        two.rows("delete from plays where id = 1")
        two.commit()

    one.rows("lock table plays")
    one.rows("insert into plays (id) values (1)")
    second = threading.Thread(target=write_too)
    second.start()
    second.join(0.3)
    one.commit()
    second.join()
    assert seen == [(1,)]
    assert one.rows("select count(*) from plays") == [(0,)]


def test_a_wrong_password_does_not_enter(
    redshift_server: RedshiftServer, its_database: str
) -> None:
    refusals = (InterfaceError, ProgrammingError)
    with refused_by_redshift(), pytest.raises(refusals, match="password authentication failed"):
        Client(redshift_server, its_database, password="wrong")


@pytest.fixture
def objects(s3: Storage) -> str:
    """A place in S3 with two objects, and one beside them."""
    s3.keys["key"] = "secret"
    client = s3.client()
    if "copies" not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
        s3.create_bucket("copies")
    for key, body in {
        "in/1.json": '{"id": 1, "NAME": "one"}\n{"id": "no", "NAME": "two"}',
        "in/2.json": '{"id": 3,\n "NAME": "three"} {"id": 4, "NAME": ""}',
        "in_old/3.json": '{"id": 5}',
    }.items():
        client.put_object(Bucket="copies", Key=key, Body=body.encode())
    return "s3://copies/in/"


def manifest(s3: Storage, *urls: str, mandatory: bool = True) -> str:
    entries = [{"url": url, "mandatory": mandatory} for url in urls]
    body = json.dumps({"entries": entries}).encode()
    s3.client().put_object(Bucket="copies", Key="of.manifest", Body=body)
    return "s3://copies/of.manifest"


def shown(client: Client, question: str) -> list[Any]:
    """Query a view until it shows rows, because it lags."""
    deadline = time.monotonic() + 10
    rows: list[Any] = []
    while not rows and time.monotonic() < deadline:
        # A new transaction has a new snapshot.
        client.rollback()
        rows = list(client.rows(question))
        time.sleep(0.05)
    return rows


HOW = f"{KEYS} json 'auto ignorecase' emptyasnull"


def test_copy_skips_as_many_records_as_it_may(client: Client, objects: str) -> None:
    # Data load operations, copy-parameters-data-load.html: it fails at MAXERROR.
    with pytest.raises(ProgrammingError, match="stl_load_errors"):
        client.rows(f"copy plays from '{objects}' {HOW} maxerror 1")
    client.rollback()
    client.rows(f"copy plays from '{objects}' {HOW} maxerror 2")
    assert client.rows("select id, name from plays order by id") == [
        (1, "one"),
        (3, "three"),
        (4, None),
    ]
    client.rollback()
    assert client.rows("select count(*) from plays") == [(0,)], "it is rolled back"
    [(query, status, rows, errors)] = client.rows(
        "select query_id, status, loaded_rows, error_count from sys_load_history "
        "order by query_id desc limit 1"
    )
    assert (status, rows, errors) == ("completed", 3, 1)
    [(file, line, column, code, said)] = shown(
        client,
        "select file_name, line_number, column_name, error_code, error_message "
        f"from sys_load_error_detail where query_id = {query}",
    )
    assert len(file) == 256, "a text of a fixed width has blanks behind it"
    assert (file.strip(), line, column.strip(), code) == ("s3://copies/in/1.json", 2, "id", 1207)
    assert said.strip() == "Invalid digit, Value 'n', Pos 0, Type: Integer"


def test_copy_without_maxerror_stops_at_the_first(client: Client, objects: str) -> None:
    with pytest.raises(ProgrammingError, match="stl_load_errors"):
        client.rows(f"copy plays from '{objects}' {HOW}")
    client.rollback()
    assert shown(client, "select 1 from sys_load_error_detail")


def test_copy_fills_and_lock_locks_a_table_of_another_schema(
    clients: tuple[Client, Client], objects: str
) -> None:
    client, other = clients
    client.rows("create schema elsewhere")
    client.rows("create table elsewhere.plays (id integer, name varchar(8))")
    client.commit()
    client.rows("lock table elsewhere.plays")
    client.rows(f"copy elsewhere.plays from 's3://copies/in/2.json' {HOW}")
    assert client.rows("select count(*) from elsewhere.plays") == [(2,)]
    assert client.rows("select count(*) from plays") == [(0,)]
    reader = threading.Thread(target=other.rows, args=["select count(*) from elsewhere.plays"])
    reader.start()
    reader.join(0.3)
    assert reader.is_alive(), "readers wait for a lock"
    client.rollback()
    reader.join()
    other.rollback()
    client.rows("drop schema elsewhere cascade")
    client.commit()


def test_the_isolation_level_is_shown(client: Client) -> None:
    # STV_DB_ISOLATION_LEVEL, r_STV_DB_ISOLATION_LEVEL.html
    [(name, level)] = client.rows("select db_name, isolation_level from stv_db_isolation_level")
    assert (len(name), len(level), level.strip()) == (128, 20, "Snapshot Isolation")
    client.rollback()


def test_copy_reads_what_a_manifest_names(client: Client, objects: str, s3: Storage) -> None:
    url = manifest(s3, "s3://copies/in_old/3.json", "s3://copies/in/2.json")
    client.rows(f"copy plays from '{url}' {HOW} manifest")
    assert client.rows("select id from plays order by id") == [(3,), (4,), (5,)]
    client.rollback()


@pytest.mark.parametrize("mandatory", [True, False])
def test_an_object_that_is_gone(client: Client, objects: str, s3: Storage, mandatory: bool) -> None:
    url = manifest(s3, "s3://copies/in/2.json", "s3://copies/gone", mandatory=mandatory)
    statement = f"copy plays from '{url}' {HOW} manifest"
    if mandatory:
        with pytest.raises(ProgrammingError, match=r"S3ServiceException.*NoSuchKey"):
            client.rows(statement)
    else:
        client.rows(statement)
    client.rollback()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("json 'auto'", "CREDENTIALS argument is required"),
        (f"{KEYS} json 'auto' sometimes", 'syntax error at or near "sometimes"'),
        (f"{KEYS} json 'auto' maxerror 100001", "exceeds 100000"),
        (f"{KEYS} csv", "syntax error"),
        (f"{KEYS} json 's3://copies/in/1.json'", "JSONPaths|Extra data"),
        ("iam_role 'arn:aws:iam::123456789012:role/nobody' json 'auto'", "not associated"),
    ],
)
def test_a_copy_that_redshift_would_not_run(
    client: Client, objects: str, how: str, said: str
) -> None:
    with pytest.raises(ProgrammingError, match=said):
        client.rows(f"copy plays from '{objects}' {how}")
    client.rollback()


@pytest.mark.parametrize(
    ("into", "source", "how", "said"),
    [
        ("nowhere", "in/", "", 'relation "nowhere" does not exist'),
        ("plays (id, title)", "in/", "", 'column "title" does not exist'),
        ("plays", "in/1.json", "gzip", r"in/1\.json cannot be decompressed"),
        # The first object is on its way to PostgreSQL when the second turns out to be broken.
        ("plays", "late/", "", "stl_load_errors"),
    ],
)
def test_a_copy_that_fails_is_answered_and_the_session_goes_on(
    client: Client, objects: str, s3: Storage, into: str, source: str, how: str, said: str
) -> None:
    s3.client().put_object(Bucket="copies", Key="late/1.json", Body=b'{"id": 1}')
    s3.client().put_object(Bucket="copies", Key="late/2.json", Body=b'{"id": "no"}')
    with pytest.raises(ProgrammingError, match=said):
        client.rows(f"copy {into} from 's3://copies/{source}' {HOW} {how}")
    with pytest.raises(ProgrammingError, match="aborted"):
        client.rows(f"copy plays from 's3://copies/in/2.json' {HOW}")
    client.rollback()
    client.rows(f"copy plays from 's3://copies/in/2.json' {HOW}")
    assert client.rows("select id from plays order by id") == [(3,), (4,)]
    client.rollback()


def test_auto_takes_keys_as_they_are_spelled(client: Client, objects: str) -> None:
    client.rows(f"copy plays from 's3://copies/in/2.json' {KEYS} json 'auto'")
    assert client.rows("select name from plays") == [(None,), (None,)]
    client.rollback()


UNPLANNED = [
    # UPDATE, r_UPDATE.html, and DELETE, r_DELETE.html
    ("update plays set name = 'x' from other", "equijoin"),
    ("update plays set name = 'x' from other where plays.id > other.id", "equijoin"),
    ("update plays set name = 'x' from other where plays.id = 1", "equijoin"),
    (
        "update plays set name = 'x' from other where plays.id = other.id or plays.id = 1",
        "equijoin",
    ),
    (
        "update plays set name = 'x' from (select 1 as id) as one where plays.id = one.id",
        "equijoin",
    ),
    (
        "update plays set name = 'x' from other left join other as more on other.id = more.id"
        " where plays.id = other.id",
        "equijoin",
    ),
    ("delete from plays using other where plays.id < other.id", "equijoin"),
    # Correlated subqueries, r_correlated_subqueries.html
    (
        "select id from plays where not exists (select 1 from other where not exists"
        " (select 1 from other as inner_one where plays.id = inner_one.id))",
        "correlated",
    ),
    (
        "select * from plays left join other on plays.id = other.id and other.id ="
        " (select max(id) from other as last where last.id = plays.id)",
        "correlated",
    ),
    (
        "select id from plays where id not in"
        " (select sum(id) over () from other where other.id = plays.id)",
        "correlated",
    ),
    # WITH clause, r_WITH_clause.html
    ("with a as (with b as (select 1 as id) select id from b) select id from a", "WITH"),
    (
        "update plays set name = 'x' from (with a as (select id from other) select id from a)"
        " as changed where plays.id = changed.id",
        "WITH",
    ),
    # Reported by users
    ("select kind from (select 'x' as kind) as kinds order by kind", "unknown"),
    ("with kinds as (select id, 'x' as kind from plays) select id from kinds", "unknown"),
    # Data types, c_Supported_data_types.html: there are no composite types
    ("select row(id, name) from plays", "ROW"),
    ("select id from plays where (id, name) < (select 1, 'x')", "ROW|row"),
    # The same inside statements that contain a query.
    (
        "create temp table t as with a as (with b as (select 1 as id) select id from b)"
        " select id from a",
        "WITH",
    ),
    (
        "create view v as with a as (with b as (select 1 as id) select id from b) select id from a",
        "WITH",
    ),
    ("insert into other (id) select id from plays where row(id, name) is null", "ROW"),
]


@pytest.mark.parametrize(("statement", "said"), UNPLANNED)
def test_what_redshift_cannot_plan_is_refused(client: Client, statement: str, said: str) -> None:
    with pytest.raises(ProgrammingError, match=said):
        client.rows(statement)
    client.rollback()


PLANNED = [
    "update plays set name = 'x' from other where plays.id = other.id and plays.id > 1",
    "update plays set name = (select max(name) from plays) where id = 1",
    "update plays set name = 'x' where id in (select id from other)",
    "update plays set name = 'x' from (select other.id, count(more.id) as n from other"
    " left join other as more on other.id = more.id group by other.id) as counted"
    " where plays.id = counted.id",
    "delete from plays using other where plays.id = other.id",
    "update plays set name = 'x' where id in (with a as (select 1 as id) select id from a)",
    "select kind from (select cast('x' as varchar(8)) as kind) as kinds order by kind",
    "select kind from (select 'x' as kind union all select 'y') as kinds order by kind",
    "select 'x' as kind",
    "select id from plays where exists (select 1 from other where other.id = plays.id)",
    "select id from plays join other using (id)",
    "with a as (select 1 as id), b as (select id from a) select id from b",
    "select id from plays where exists (with a as (select 1 as id) select id from a)",
]


@pytest.mark.parametrize("statement", PLANNED)
def test_what_redshift_can_plan_is_taken(client: Client, statement: str) -> None:
    client.rows(statement)
    client.rollback()


@pytest.mark.parametrize("select", ["select id, name, 1 as more", "select name, id", "select id"])
def test_a_view_is_replaced_by_one_of_the_same_columns_only(client: Client, select: str) -> None:
    # CREATE VIEW, r_CREATE_VIEW.html
    client.rows("create or replace view names as select id, name from plays")
    client.rows("create or replace view names as select id, name from plays where id > 1")
    with pytest.raises(ProgrammingError, match="columns of the view names"):
        client.rows(f"create or replace view names as {select} from plays")
    client.rollback()


def test_an_average_of_integers_is_one_and_so_is_the_part_of_a_time(client: Client) -> None:
    # AVG, r_AVG.html, and EXTRACT, r_EXTRACT_function.html
    client.rows("insert into plays (id) values (1), (2)")
    [[whole, exact, double]] = client.rows(
        "select avg(id), avg(cast(id as numeric(8, 1))), avg(cast(id as double precision))"
        " from plays"
    )
    assert (whole, exact, double) == (1, Decimal("1.5"), 1.5)
    assert client.rows("select avg(id) over (partition by name) from plays") == [(1,), (1,)]
    # The sum of BIGINTs is a NUMERIC of scale 0, and so is the average of such sums.
    summed = "(select id, sum(cast(id as bigint)) as s from plays group by id) as sums"
    assert client.rows(f"select avg(s) from {summed}") == [(1,)]
    moment = "timestamp '2018-11-15 10:00:01.75'"
    [[seconds, difference]] = client.rows(
        f"select extract(epoch from {moment}), (extract(epoch from {moment})"
        " - extract(epoch from timestamp '2018-11-15 10:00:00')) / 3600"
    )
    assert (seconds, difference) == (1542276001, 0)
    client.rollback()


NOT_TAKEN = [
    # Numeric types, r_Numeric_types201.html
    "create temp table t (n numeric(39, 2))",
    "select cast(id as decimal(50, 0)) from plays",
    # Unsupported PostgreSQL functions, c_unsupported-postgresql-functions.html
    "select clock_timestamp()",
    "select pg_sleep(1)",
    "select div(id, 2) from plays",
    "select corr(id, id) from plays",
    # CREATE TABLE AS, r_CREATE_TABLE_AS.html
    "create temp table t as select id from plays with no data",
    # Leader node-only functions, c_SQL_functions_leader_node_only.html
    "select current_schema(), id from plays",
    "select 1 from plays where name = current_schema()",
    "select substr(name, 1, 2) from plays",
]


@pytest.mark.parametrize("statement", NOT_TAKEN)
def test_what_the_documentation_excludes_is_refused(client: Client, statement: str) -> None:
    with pytest.raises(ProgrammingError):
        client.rows(statement)
    client.rollback()


def test_the_leader_alone_knows_the_current_schema(client: Client) -> None:
    tables = "select tablename from pg_tables where schemaname = current_schema()"
    assert ("plays",) in client.rows(tables)
    client.rollback()


def test_the_views_show_a_copy_before_its_files_and_errors(
    client: Client, objects: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "LAG", 2.0)
    # SYS_LOAD_HISTORY.html, SYS_LOAD_DETAIL.html and SYS_LOAD_ERROR_DETAIL.html
    last = client.rows("select coalesce(max(query_id), 0) from sys_load_history")[0][0]
    client.rollback()
    client.rows(f"copy plays from '{objects}' {HOW} maxerror 9")
    client.rollback()
    history = f"select source_file_count, error_count from sys_load_history where query_id > {last}"
    details = f"select 1 from sys_load_detail where query_id > {last}"
    errors = f"select 1 from sys_load_error_detail where query_id > {last}"
    assert client.rows(history) == [(2, 1)]
    assert (client.rows(details), client.rows(errors)) == ([], [])
    assert len(shown(client, details)) == 2
    assert len(shown(client, errors)) == 1
    client.rollback()


def test_an_error_of_no_column_has_none(client: Client, objects: str, s3: Storage) -> None:
    s3.client().put_object(Bucket="copies", Key="bad/1.json", Body=b"no json")
    client.rows(f"copy plays from 's3://copies/bad/' {HOW} maxerror 9")
    question = "select column_name from sys_load_error_detail where file_name like '%/bad/1.json%'"
    assert shown(client, question) == [(None,)]
    client.rollback()


def test_of_an_object_without_a_byte_no_scan_is_shown(
    client: Client, objects: str, s3: Storage
) -> None:
    s3.client().put_object(Bucket="copies", Key="empty/1.json", Body=b"")
    s3.client().put_object(Bucket="copies", Key="empty/2.json", Body=b'{"id": 1}')
    client.rows(f"copy plays from 's3://copies/empty/' {HOW}")
    question = "select trim(file_name) from sys_load_detail where file_name like '%/empty/%'"
    assert shown(client, question) == [("s3://copies/empty/2.json",)]
    client.rollback()


def test_a_role_has_to_be_associated_with_the_cluster(
    client: Client, objects: str, s3: Storage, redshift_server: RedshiftServer
) -> None:
    # Authorization parameters, copy-parameters-authorization.html
    trust = {"Statement": [{"Principal": {"Service": "redshift.amazonaws.com"}}]}
    made = s3.client("iam").create_role(
        RoleName="reader", AssumeRolePolicyDocument=json.dumps(trust)
    )
    arn = made["Role"]["Arn"]
    statement = f"copy plays from 's3://copies/in/2.json' iam_role '{arn}' json 'auto ignorecase'"
    with pytest.raises(ProgrammingError, match="not associated"):
        client.rows(statement)
    client.rollback()
    redshift_server.roles.add(arn)
    client.rows(statement)
    client.rollback()


def test_the_information_schema_fails_while_tables_are_dropped(
    clients: tuple[Client, Client],
) -> None:
    one, two = clients
    question = "select count(*) from information_schema.tables where table_name = 'plays'"
    assert two.rows(question) == [(1,)]
    two.commit()
    one.rows("drop table other")
    with pytest.raises(ProgrammingError, match="could not open relation with OID"):
        two.rows(question)
    two.rollback()
    assert two.rows("select 1 from pg_tables where tablename = 'plays'") == [(1,)]
    one.rollback()
    assert two.rows(question) == [(1,)]


def test_a_lock_waits_for_readers_and_later_readers_wait_behind_it(
    clients: tuple[Client, Client], redshift_server: RedshiftServer, its_database: str
) -> None:
    reader, locker = clients
    later = Client(redshift_server, its_database)
    reader.rows("select count(*) from plays")
    locking = threading.Thread(target=lambda: locker.rows("lock table plays"))
    locking.start()
    locking.join(0.3)
    assert locking.is_alive()
    asking = threading.Thread(target=lambda: later.rows("select count(*) from plays"))
    asking.start()
    asking.join(0.3)
    assert asking.is_alive()
    reader.commit()
    locking.join()
    locker.commit()
    asking.join()
    later.connection.close()


@pytest.mark.parametrize("level", [SNAPSHOT, SERIALIZABLE])
def test_under_serializable_what_was_read_must_not_have_changed(
    clients: tuple[Client, Client], its_database: str, level: str
) -> None:
    one, two = clients
    one.rows(f"alter database {its_database} isolation level {level}")
    one.commit()
    try:
        one.rows("select count(*) from other")
        two.rows("insert into other (id) values (1)")
        two.commit()
        if level == SNAPSHOT:
            one.rows("delete from plays")
            one.commit()
        else:
            with pytest.raises(Error, match="1023"):
                one.rows("delete from plays")
            one.rollback()
    finally:
        one.rows(f"alter database {its_database} isolation level {SNAPSHOT}")
        one.commit()


def test_trailing_blanks_do_not_count_when_texts_are_compared(client: Client) -> None:
    client.rows("insert into plays (id, name) values (1, 'a'), (2, 'a  '), (3, 'b')")
    assert client.rows("select count(*) from plays where name = 'a'") == [(2,)]
    assert client.rows("select count(distinct name) from plays") == [(2,)]
    assert client.rows("select count(*) from plays group by name order by 1") == [(1,), (2,)]
    joined = "select count(*) from plays join plays as others on plays.name = others.name"
    assert client.rows(joined) == [(5,)]
    assert client.rows("select name, length(name) from plays where id = 2") == [("a  ", 3)]
