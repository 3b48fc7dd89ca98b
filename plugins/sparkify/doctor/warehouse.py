"""Examinations of the warehouse's connection, and of what its user may do."""

import socket
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from ssl import SSLSocket
from typing import Any

from sparkify.doctor.examination import CannotTellError, DoesNotHoldError, examination
from sparkify.doctor.subject import Subject
from sparkify.macros import sql_files
from sparkify.settings import WAREHOUSE
from sparkify.warehouse import POSTGRES, REDSHIFT, is_local

ENGINES = {POSTGRES: "PostgreSQL", REDSHIFT: "Amazon Redshift"}
PORTS = {POSTGRES: 5432, REDSHIFT: 5439}

REACH_SECONDS = 5.0
SHOWN = 5

PERMISSIONS = "docs/managed-airflow.md lists the grants."

MOMENT = datetime(1999, 12, 31, 23, 59, 59, 796_000)  # noqa: DTZ001 - as the warehouse stores it


@examination(fix="Create it, as docs/deployment.md shows.")
def connection(subject: Subject) -> str:
    """There is a connection sparkify_warehouse of type redshift or postgres."""
    return ENGINES[subject.engine]


@examination(needs=[connection])
def address(subject: Subject) -> str:
    """The warehouse's host and port can be reached from here."""
    its = subject.hook.get_connection(WAREHOUSE)
    hosts = str(its.extra_dejson.get("hostaddr") or its.host or "").split(",")
    if any(not host or host.startswith(("/", "@")) for host in hosts):
        return "a socket of this machine"
    port = its.port or PORTS[subject.engine]
    problems = list(_unreachable(hosts, port))
    if len(problems) == len(hosts):
        raise problems[0]
    return f"port {port} answers"


def _unreachable(hosts: list[str], port: int) -> Iterator[DoesNotHoldError]:
    for host in hosts:
        try:
            socket.create_connection((host, port), REACH_SECONDS).close()
        except socket.gaierror:
            yield DoesNotHoldError(
                f"No machine has the name {host}.",
                f"Correct the host of the connection {WAREHOUSE}; a private name needs a name "
                "server of its network.",
            )
        except TimeoutError:
            yield DoesNotHoldError(
                f"{host} does not answer on port {port} within {REACH_SECONDS:.0f} s.",
                "Let Airflow's workers in: a security group, a network ACL or a route lies between "
                "them and the warehouse; or the cluster is paused.",
            )
        except OSError as error:
            yield DoesNotHoldError(
                f"{host} does not answer on port {port}: {error.strerror or error}.",
                f"Correct host and port of the connection {WAREHOUSE}, or start the warehouse.",
            )


@examination(
    needs=[address],
    fix=f"Correct login, password and schema, which is the name of the database, of the connection "
    f"{WAREHOUSE}; docs/redshift.md shows IAM logins.",
)
def login(subject: Subject) -> str:
    """The warehouse opens a session for the connection's user."""
    began = time.monotonic()
    assert subject.session  # noqa: S101 - it opens here
    return f"a session is open after {time.monotonic() - began:.1f} s"


@examination(
    needs=[login],
    fix="Remove what turns it off from the connection's extra (sslmode, ssl), or turn it on in the "
    "server.",
)
def encryption(subject: Subject) -> str:
    """The session is encrypted, or does not leave this machine."""
    session = subject.session
    if subject.is_postgres:
        is_encrypted = bool(session.pgconn.ssl_in_use)
    else:
        # The driver does not say otherwise.
        is_encrypted = isinstance(getattr(session, "_usock", None), SSLSocket)
    if is_encrypted:
        return "TLS"
    if is_local(subject.hook.get_connection(WAREHOUSE).host):
        return "it does not leave this machine"
    raise DoesNotHoldError("It is plain text.")


@examination(needs=[login], fix=f"Grant the connection's user what it lacks: {PERMISSIONS}")
def rights(subject: Subject) -> str:
    """The connection's user may create tables in the current schema, and temporary tables."""
    schema, may_use, may_create, may_create_temporary, user = subject.row(
        "select current_schema(), has_schema_privilege(current_schema(), 'usage'), "
        "has_schema_privilege(current_schema(), 'create'), "
        "has_database_privilege(current_database(), 'temp'), current_user"
    )
    subject.users.add(user)
    if not schema:
        raise DoesNotHoldError(
            "It has no current schema.",
            "Grant usage on the schema public, or correct the user's search_path.",
        )
    found = {
        f"usage on schema {schema}": may_use,
        f"create on schema {schema}": may_create,
        "temporary on the database": may_create_temporary,
    }
    if lacking := [right for right, is_granted in found.items() if not is_granted]:
        raise DoesNotHoldError(f"It lacks {' and '.join(lacking)}.")
    return f"the tables are those of the schema {schema}"


@examination(
    needs=[login],
    fix="Run the DAG sparkify_schema, which creates what is missing; let the connection's user own "
    "what somebody else owns.",
)
def tables(subject: Subject) -> str:
    """The project's tables and views are all there and its user's own, or none is there yet."""
    owned = (
        "pg_has_role({}, 'usage')"
        if subject.is_postgres
        else "{} = current_user or (select usesuper from pg_user where usename = current_user)"
    )
    found = dict(
        subject.rows(
            f"select tablename, {owned.format('tableowner')} from pg_tables "
            "where schemaname = current_schema() union all "
            f"select viewname, {owned.format('viewowner')} from pg_views "
            "where schemaname = current_schema()"
        )
    )
    ours = {name for folder in ("schema", "views", "questions") for name in sql_files(folder)}
    problems = []
    if foreign := sorted(name for name in ours & found.keys() if not found[name]):
        problems.append(f"somebody else owns {_some(foreign)}")
    if missing := sorted(ours - found.keys()) if ours & found.keys() else []:
        problems.append(f"there is no {_some(missing)}")
    if problems:
        raise DoesNotHoldError("; ".join(problems) + ".")
    return f"{len(ours)} are there" if ours & found.keys() else "none yet: run sparkify_schema next"


def _some(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return f"{', '.join(names[:SHOWN])}{f' and {more} more' if more > 0 else ''}"


@examination(
    needs=[login],
    fix="Set the database's, or the user's, default_transaction_isolation to read committed.",
)
def isolation(subject: Subject) -> str:
    """The isolation level is one that the loads are made for."""
    if subject.is_postgres:
        [level] = subject.row("select current_setting('transaction_isolation')")
        if level != "read committed":
            raise DoesNotHoldError(f"It is {level}, not read committed.")
        return str(level)
    [database] = subject.row("select current_database()")
    # Columns, not their names: db_name and isolation_level.
    levels = {name.strip(): level.strip() for name, level, *_ in _isolation_levels(subject)}
    if database not in levels:
        raise CannotTellError("stv_db_isolation_level does not show this database")
    return f"{levels[database]}; both of Redshift's serve"


def _isolation_levels(subject: Subject) -> Any:
    try:
        return subject.rows("select * from stv_db_isolation_level")
    except Exception as error:
        raise CannotTellError(
            "stv_db_isolation_level cannot be read; both of Redshift's levels serve"
        ) from error


@examination(needs=[login], fix="Report what was read; do not load.")
def time_zone(subject: Subject) -> str:
    """A time is read as it was written, whatever the session's time zone."""
    zone, moment = subject.row(
        "select current_setting('timezone'), cast(%s as timestamp)", (MOMENT,)
    )
    if moment != MOMENT:
        raise DoesNotHoldError(f"{MOMENT} was read as {moment}.")
    return f"times are stored in UTC, without a zone; the session's is {zone}"
