"""The doctor on PostgreSQL: all is well, and each thing broken in turn."""

import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from packaging.version import Version

from local.servers.postgres import EmbeddedPostgres
from tests.support.doctor import BROKEN, UNKNOWN, findings, not_held, only
from tests.support.sources import TestSource, play, song
from tests.support.warehouse import Warehouse

WAREHOUSE = "AIRFLOW_CONN_SPARKIFY_WAREHOUSE"


@pytest.fixture
def well(source: TestSource, warehouse: Warehouse) -> Warehouse:
    """A deployment that nothing is wrong with."""
    source.events(play("2018-11-15 10:00:00"), play("2018-11-15 11:00:00", itemInSession=1))
    source.songs(song("SO1"))
    return warehouse


def connection(**changes: Any) -> None:
    """Change the connection of the warehouse."""
    os.environ[WAREHOUSE] = json.dumps(json.loads(os.environ[WAREHOUSE]) | changes)


def made(warehouse: Warehouse) -> list[str]:
    """What the doctor has left in the warehouse."""
    return warehouse.column(
        "select nspname from pg_namespace where nspname like 'sparkify_doctor%' union all "
        "select relname from pg_class where relname like '%doctor%'"
    )


def test_a_deployment_that_nothing_is_wrong_with(well: Warehouse) -> None:
    found = findings()
    assert not_held(found) == {}
    assert "2018-11-15 00:00 to 2018-11-16 00:00 UTC" in found["event_files"].text
    assert found["run"].text == (
        "2018-11-15 23:00 to 2018-11-16 00:00 UTC would read 1 file of "
        f"{re.search('of ([0-9]+)', found['run'].text)[1]} bytes, such as "  # type: ignore[index]
        "log_data/2018/11/2018-11-15-events.json"
    )
    assert found["events"].text == "2 records of log_data/2018/11/2018-11-15-events.json"
    assert made(well) == []


def test_before_there_are_tables(
    server: EmbeddedPostgres, well: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WAREHOUSE, os.environ[WAREHOUSE])
    for name in well.column("select viewname from pg_views where schemaname = 'public'"):
        well.client.execute(f"drop view if exists {name} cascade".encode())
    for name in well.column("select tablename from pg_tables where schemaname = 'public'"):
        well.client.execute(f"drop table if exists {name} cascade".encode())
    found = findings()
    assert not_held(found) == {}
    assert found["tables"].text == "none yet: run sparkify_schema next"


Break = Callable[[Warehouse, TestSource, pytest.MonkeyPatch], object]


def variable(name: str, value: str) -> Break:
    def set_it(_: Warehouse, __: TestSource, patch: pytest.MonkeyPatch) -> None:
        patch.setenv(f"AIRFLOW_VAR_SPARKIFY_{name}", value)

    return set_it


def connected(**changes: Any) -> Break:
    return lambda *_: connection(**changes)


def said(*statements: str) -> Break:
    """In the warehouse; {0} is its database."""

    def say(warehouse: Warehouse, _: TestSource, __: pytest.MonkeyPatch) -> None:
        [name] = warehouse.column("select current_database()")
        for statement in statements:
            warehouse.client.execute(statement.format(name).encode())

    return say


def written(*lines: str) -> Break:
    return lambda _, source, __: source.lines("2018-11-15", *lines)


def silent(*_: Any) -> None:
    raise TimeoutError


def closed_network(_: Warehouse, __: TestSource, patch: pytest.MonkeyPatch) -> None:
    connection(host="10.0.0.7")
    patch.setattr(socket, "create_connection", silent)


BREAKS: dict[str, tuple[Break, str, str]] = {
    "no connection": (
        lambda _, __, patch: patch.delenv(WAREHOUSE),
        "connection",
        r"sparkify_warehouse.*What to do: Create it",
    ),
    "a connection of another type": (
        connected(conn_type="mysql"),
        "connection",
        r"of type 'mysql'; it must be redshift or postgres",
    ),
    "an unknown host": (
        connected(host="warehouse.invalid"),
        "address",
        r"No machine has the name warehouse\.invalid\. What to do: Correct the host",
    ),
    "a closed port": (
        connected(host="127.0.0.1", port=1),
        "address",
        r"127\.0\.0\.1 does not answer on port 1: Connection refused\..*start the warehouse",
    ),
    "a closed network": (
        closed_network,
        "address",
        r"10\.0\.0\.7 does not answer on port 5432 within 5 s\..*a security group",
    ),
    "an unknown database": (
        connected(schema="nowhere"),
        "login",
        r'database "nowhere" does not exist\. What to do: Correct login, password and schema',
    ),
    "an unknown user": (
        connected(login="ada.lovelace"),
        "login",
        r"role \*\*\* does not exist",
    ),
    "another isolation level": (
        said("alter database {0} set default_transaction_isolation to 'serializable'"),
        "isolation",
        r"It is serializable, not read committed",
    ),
    "a table that is missing": (
        said("drop table users cascade"),
        "tables",
        r"there is no .*users.*Run the DAG sparkify_schema",
    ),
    "a time zone that does not exist": (
        variable("PARTITION_TIMEZONE", "Mars/Olympus"),
        "variables",
        r"sparkify_partition_timezone is 'Mars/Olympus'; it must be the name of a time zone",
    ),
    "a limit that is no share": (
        variable("REJECT_LIMIT", "5 %"),
        "variables",
        r"sparkify_reject_limit is '5 %'; it must be a share",
    ),
    "no names of event files": (
        variable("PARTITION", ""),
        "variables",
        r"The variable sparkify_partition is empty\. Set it to the names of the event files",
    ),
    "names that begin with a slash": (
        variable("SONGS", "/song_data/**/*.json"),
        "variables",
        r"sparkify_songs is '/song_data/\*\*/\*\.json', but .* relative .* Remove the slash",
    ),
    "no source": (
        lambda _, __, patch: patch.delenv("AIRFLOW_VAR_SPARKIFY_SOURCE"),
        "source",
        r"The variable sparkify_source is not set\. Set it under Admin > Variables",
    ),
    "a source that is no URL": (
        variable("SOURCE", "/srv/sparkify"),
        "source",
        r"The source '/srv/sparkify' cannot be read\. Set the variable sparkify_source",
    ),
    "a folder that is not there": (
        variable("SOURCE", "file:///srv/nowhere"),
        "listing",
        r"The source folder /srv/nowhere does not exist",
    ),
    "a template that matches nothing": (
        variable("PARTITION", "logs/%Y/%m/%d.json"),
        "event_files",
        r"no name matches the variable sparkify_partition, which is 'logs/%Y/%m/%d\.json'\. It "
        r"holds files such as log_data/2018/11/2018-11-15-events\.json",
    ),
    "a broken file": (
        written(json.dumps(play("2018-11-15 10:00:00")), "broken", json.dumps(play("2018-11-15"))),
        "events",
        r"2018-11-15-events\.json holds a line that is no JSON",
    ),
    "other keys": (
        written(json.dumps({"timestamp": 1, "user": 2})),
        "events",
        r"No record of \S+ has the key iteminsession, page, sessionid, ts, userid",
    ),
    "files cut in another zone": (
        written(json.dumps(play("2018-11-16 04:00:00"))),
        "events",
        r"holds an event of 2018-11-16 04:00 UTC, but by its name only 2018-11-15 00:00 to "
        r"2018-11-16 00:00 UTC\..*sparkify_partition_timezone",
    ),
    "song files of another kind": (
        lambda _, source, __: source.song_text("SO1", '{"name": "x"}'),
        "songs",
        r"has the key artist_id, artist_name, duration, song_id, title",
    ),
    "JSONPaths on PostgreSQL": (
        variable("JSONPATHS", "s3://bucket/paths.json"),
        "jsonpaths",
        r"JSONPaths work only with Redshift's COPY",
    ),
    "secrets in logs": (
        lambda _, __, patch: patch.setenv("AIRFLOW__CORE__HIDE_SENSITIVE_VAR_CONN_FIELDS", "False"),
        "masking",
        r"It shows them\. What to do: Set \[core\] hide_sensitive_var_conn_fields",
    ),
    "another Airflow": (
        lambda _, __, patch: patch.setattr("sparkify.versions.AIRFLOW", Version("3.1.8")),
        "packages",
        r"This is Airflow 3\.1\.8, and not ",
    ),
    "an examination that raises": (
        lambda _, __, patch: patch.setattr("sparkify.doctor.source.lookback", lambda: 1 / 0),
        "run",
        r"Instead: division by zero",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
def test_what_is_broken_is_found_and_nothing_else(
    what: str, well: Warehouse, source: TestSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks, name, line = BREAKS[what]
    # Whatever is changed of it is undone.
    monkeypatch.setenv(WAREHOUSE, os.environ[WAREHOUSE])
    breaks(well, source, monkeypatch)
    found = only(findings(), name)
    assert re.search(line, found), found
    assert "\n" not in found
    assert made(well) == []


@pytest.fixture
def limited(server: EmbeddedPostgres, well: Warehouse) -> Iterator[str]:
    """A user who may do nothing, whom the connection names."""
    well.client.execute(b"create role ada login")
    [name] = well.column("select current_database()")
    well.client.execute(f"revoke temporary on database {name} from public".encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WAREHOUSE, os.environ[WAREHOUSE])
        connection(login="ada")
        yield name
    well.client.execute(b"drop owned by ada")
    well.client.execute(b"drop role ada")


def test_a_user_without_rights(limited: str, well: Warehouse) -> None:
    found = findings()
    assert found["rights"].text == (
        "The connection's user may create tables in the current schema, and temporary tables. "
        "Instead: It lacks create on schema public and temporary on the database. What to do: "
        "Grant the connection's user what it lacks: docs/managed-airflow.md lists the grants."
    )
    assert re.search(r"somebody else owns \w+, .* and \d+ more\.", found["tables"].text)
    assert found["scratch"].verdict is found["update_from"].verdict is UNKNOWN
    assert "ada" not in "".join(map(str, found.values()))


def test_a_user_with_the_rights_that_are_documented(limited: str, well: Warehouse) -> None:
    well.client.execute(b"grant create, usage on schema public to ada")
    well.client.execute(f"grant temporary on database {limited} to ada".encode())
    found = findings()
    assert not_held(found) == {"tables": BROKEN}
    assert found["scratch"].text == "the current schema, under names of their own"
    assert made(well) == []


def test_an_empty_source_cannot_be_told(
    warehouse: Warehouse, source: TestSource, tmp_path: Path
) -> None:
    found = findings()
    assert {one.verdict for one in found.values() if one.name not in not_held(found)}
    assert found["listing"].verdict is UNKNOWN
    assert "holds no files. What to do: Let the app write there" in found["listing"].text
    assert not any(verdict is BROKEN for verdict in not_held(found).values())


def test_songs_under_other_names_cannot_be_told(
    well: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SONGS", "catalogue/*.json")
    found = findings()
    assert not_held(found) == {"songs": UNKNOWN}
    assert "no name matches 'catalogue/*.json', but there are " in found["songs"].text


def test_a_variable_that_no_setting_reads_is_named(
    well: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_LOOKBACK", "60")
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_STALE_HOURS", "48")
    assert findings()["variables"].text == (
        "all defaults but stale_hours; but no setting is named AIRFLOW_VAR_SPARKIFY_LOOKBACK"
    )


@pytest.mark.parametrize("indent", [None, 1])
def test_only_the_beginning_of_a_long_file_is_read(
    indent: int | None, well: Warehouse, source: TestSource
) -> None:
    event = json.dumps(play("2018-11-15 10:00:00"), indent=indent)
    source.lines("2018-11-15", *[event] * 500, "broken")
    found = findings()
    assert not_held(found) == {}
    assert re.fullmatch(r"1\d\d records of \S+", found["events"].text)


def replaced(monkeypatch: pytest.MonkeyPatch, part: str, by: Callable[[str], str]) -> None:
    """Execute other statements than those with this part."""
    real = psycopg.Cursor.execute

    def execute(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        sent = by(query) if part in str(query) else query
        return real(self, sent, *arguments, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", execute)


def test_locks_that_nobody_waits_for(well: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced(monkeypatch, "lock table", lambda _: "select 1")
    assert "Instead: The second of two writers did not wait." in only(findings(), "turns")


def test_a_lock_that_takes_a_snapshot(well: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced(monkeypatch, "select count(*) from sparkify_doctor", lambda _: "select 0")
    assert "Instead: The second of two writers saw 0 of 1 row." in only(findings(), "turns")


def test_a_statement_that_the_warehouse_refuses(
    well: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: str) -> str:
        raise psycopg.errors.FeatureNotSupported("Target table must be part of an equijoin")

    replaced(monkeypatch, "delete from doctor_files", refused)
    assert only(findings(), "delete_using").endswith(
        "delete_using: DELETE … USING removes the rows that are joined to another table. Instead: "
        "Target table must be part of an equijoin. What to do: The catalogue replaces a file's "
        "songs like this (sql/catalogue). Do not load; report what the warehouse says."
    )


def test_a_statement_that_gives_another_result(
    well: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sparkify.macros import MACROS

    monkeypatch.setitem(MACROS, "seconds", lambda moment: f"floor(extract(epoch from {moment}))")
    assert "fractions: Seconds and averages keep their fraction. Instead: average_seconds 2" in (
        only(findings(), "fractions")
    )
