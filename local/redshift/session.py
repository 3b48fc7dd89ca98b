"""A client's session: check, translate and run its statements."""

import itertools
import re
import socket
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from local.redshift import copy_command, wire
from local.redshift.isolation import History, Transaction, violation
from local.redshift.journal import SCHEMA, Journal
from local.redshift.load import Load
from local.redshift.planner import refuse_plan
from local.redshift.records import Column
from local.redshift.refusals import RedshiftError
from local.redshift.statements import Statement
from local.redshift.wire import EndOfStream, Message, Stream
from local.servers.postgres import USER, EmbeddedPostgres
from local.servers.s3 import Storage

# Redshift's own; the driver cannot parse the versions of Debian's and other builds.
VERSION = "8.0.2"

OPTIONS = (
    f"-c default_transaction_isolation=repeatable\\ read -c search_path=public,{SCHEMA}"
    " -c client_min_messages=log -c timezone=UTC"
    # Send the parse tree of each statement to this session, and to no log.
    " -c debug_print_parse=on -c debug_pretty_print=off -c log_min_messages=fatal"
)
TREE = "parse tree:"

COLUMNS = (
    "select attname, split_part(format_type(atttypid, null), '(', 1), atttypmod - 4, attnotnull"
    " from pg_attribute where attrelid = '{}'::regclass and attnum > 0 and not attisdropped"
    " order by attnum"
)


class Session:
    """
    A client and the PostgreSQL session behind it.

    :param client: the client's connection
    :param postgres: server behind it
    :param storage: S3 server that COPY reads from
    :param roles: ARNs of the roles that COPY may assume
    :param password: the client's password
    :param history: returns the history of a database
    :param record: called with every statement
    """

    def __init__(
        self,
        client: socket.socket,
        postgres: EmbeddedPostgres,
        storage: Storage,
        roles: Collection[str],
        password: str,
        history: Callable[[str], History],
        record: Callable[[str], None],
    ) -> None:
        self._client = Stream(client)
        self._postgres = postgres
        self._storage = storage
        self._roles = roles
        self._password = password
        self._histories = history
        self._record = record
        self._status = wire.STATUS_IDLE
        self._transaction = Transaction()
        self._prepared: dict[str, Statement] = {}

    def serve(self) -> None:
        """Serve the client until it disconnects."""
        try:
            self._start()
            while True:
                received = self._client.read_until(b"S", b"Q", b"X")
                # A Flush is redundant before a Sync.
                self._handle([message for message in received if message.kind != b"H"])
        except (EndOfStream, ConnectionError):
            pass
        finally:
            self._client.close()
            if hasattr(self, "_history"):
                self._history.end(self._transaction)
            if hasattr(self, "_backend"):
                self._backend.close()

    def _start(self) -> None:
        parameters = self._client.read_startup()
        self._client.write(wire.PASSWORD_REQUEST)
        if self._client.read().body.rstrip(b"\0").decode() != self._password:
            failure = f'password authentication failed for user "{parameters.get("user")}"'
            self._client.write(wire.error({"S": "FATAL", "C": "28000", "M": failure}))
            raise EndOfStream
        database = parameters["database"]
        self._history = self._histories(database)
        self._database = database
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(Path(self._postgres.socket_folder) / ".s.PGSQL.5432"))
        self._backend = Stream(connection)
        self._backend.write_startup({"user": USER, "database": database, "options": OPTIONS})
        for message in self._backend.read_until(b"Z"):
            if message.kind == b"S" and message.body.startswith(b"server_version\0"):
                message = wire.parameter_status("server_version", VERSION)
            self._client.write(message)
        found = self._query("select oid from pg_operator where oprname = '='")
        self._equalities = frozenset(number for (number,) in found)

    def _handle(self, messages: list[Message]) -> None:
        """Handle the client's messages up to its Sync."""
        first = messages[0]
        if first.kind == b"X":
            raise EndOfStream
        try:
            if first.kind == b"Q":
                statement = Statement(wire.texts(first.body, 1)[0])
                if statement.is_planned and self._status != wire.STATUS_FAILED:
                    self._describe(statement.for_postgres())
                    self._check_view(statement)
                self._execute(statement, [wire.query(statement.for_postgres())])
            elif first.kind == b"P":
                self._prepare(messages)
            elif first.kind == b"B":
                statement = self._prepared[wire.texts(first.body, 2)[1]]
                self._execute(statement, messages)
            else:
                self._forward(messages)
        except RedshiftError as error:
            self._fail(error)

    def _prepare(self, messages: list[Message]) -> None:
        name, text = wire.texts(messages[0].body, 2)
        statement = Statement(text)
        self._prepared[name] = statement
        if self._status == wire.STATUS_IN_TRANSACTION:
            # Before PostgreSQL waits for a lock: Redshift takes its snapshot earlier.
            self._isolate(statement)
        if statement.verb == "copy" or statement.isolation_level:
            if statement.verb == "copy":
                copy_command.parse(text)
            self._client.write(
                wire.PARSE_COMPLETE, wire.NO_PARAMETERS, wire.NO_DATA, wire.ready(self._status)
            )
            return
        if self._status != wire.STATUS_FAILED:
            self._check_view(statement)
            self._check_users(statement)
        rest = messages[0].body[len(name.encode()) + len(text.encode()) + 2 :]
        body = name.encode() + b"\0" + statement.for_postgres().encode() + b"\0" + rest
        self._backend.write(Message(b"P", body), *messages[1:])
        responses = list(self._backend.read_until(b"Z"))
        try:
            self._check_plans(responses)
        except RedshiftError:
            # To the client, the statement is not prepared.
            self._backend.write(Message(b"C", b"S" + name.encode() + b"\0"), wire.SYNC)
            self._drain()
            raise
        self._pass_on(responses)

    def _check_plans(self, responses: Iterable[Message]) -> None:
        """Raise if Redshift could not plan a statement that PostgreSQL has parsed."""
        for message in responses:
            if message.kind == b"N":
                fields = wire.error_fields(message)
                if fields["M"] == TREE:
                    refuse_plan(fields["D"], self._equalities)

    def _check_view(self, statement: Statement) -> None:
        """
        Raise if a view could not be planned, or would replace one with different columns.

        CREATE VIEW, r_CREATE_VIEW.html: names and types of the columns must be identical.
        """
        if not statement.view:
            return
        name, select = statement.view
        columns = self._describe(select)
        if self._query(
            f"select 1 from pg_class where oid = to_regclass('{name}') and relkind = 'v'"
        ):
            before = self._describe(f"select * from {name}")
            if columns != before:
                raise RedshiftError(f"cannot change the columns of the view {name}", "42P16")

    def _check_users(self, statement: Statement) -> None:
        """Raise if a grant is to a user that does not exist; a role needs the word ROLE."""
        for user in statement.users:
            if not self._query(f"select 1 from pg_roles where rolname = '{user}' and rolcanlogin"):
                raise RedshiftError(f'user "{user}" does not exist', "42704")

    def _describe(self, sql: str) -> list[tuple[str, bytes]]:
        """Return the columns of a statement with their types; raise if it could not be planned."""
        parse = Message(b"P", b"\0" + sql.encode() + b"\0\0\0")
        self._backend.write(parse, Message(b"D", b"S\0"), wire.SYNC)
        responses = list(self._backend.read_until(b"Z"))
        self._status = responses[-1].body
        for message in responses:
            if message.kind == b"E":
                fields = _as_redshift(wire.error_fields(message))
                raise RedshiftError(fields["M"], fields["C"], fields.get("D", ""))
        self._check_plans(responses)
        return [
            column
            for message in responses
            if message.kind == b"T"
            for column in wire.columns(message)
        ]

    def _execute(self, statement: Statement, messages: list[Message]) -> None:
        self._record(statement.text)
        alone = self._status == wire.STATUS_IDLE
        if alone:
            self._history.end(self._transaction)
            self._transaction = Transaction()
        # In a failed transaction PostgreSQL rejects every statement.
        if self._status != wire.STATUS_FAILED:
            self._isolate(statement)
            if alone or statement.verb in ("commit", "end"):
                self._history.commit(self._transaction)
        if statement.verb in ("rollback", "abort"):
            self._history.end(self._transaction)
        if statement.isolation_level:
            self._history.level = statement.isolation_level
            with closing(Journal(self._postgres.uri(self._database))) as journal:
                journal.show_isolation(statement.isolation_level)
            self._client.write(wire.BIND_COMPLETE, wire.command_complete("ALTER DATABASE"))
            self._client.write(wire.ready(self._status))
        elif statement.verb == "copy":
            self._copy(copy_command.parse(statement.text))
        elif statement.verb == "truncate" and not alone:
            self._truncate(statement)
        else:
            self._forward(messages)
            if statement.verb == "insert" and self._status != wire.STATUS_FAILED:
                self._analyze(statement.writes)

    def _analyze(self, table: str | None) -> None:
        """
        Analyze a table that has grown, as Redshift does by itself.

        Otherwise PostgreSQL's planner takes a new table for empty and scans it once per row.
        """
        if table and self._is_shared(table):
            self._query(f"analyze {table}")

    def _isolate(self, statement: Statement) -> None:
        """Wait for other writers of the table and raise if the snapshot misses their writes."""
        if not statement.takes_snapshot:
            return
        self._history.read(self._transaction, statement)
        if statement.verb == "drop" and self._status == wire.STATUS_IN_TRANSACTION:
            self._history.drop(self._transaction)
        if (table := statement.writes) and self._is_shared(table):
            if self._status == wire.STATUS_IN_TRANSACTION:
                self._query("select 1")  # takes PostgreSQL's snapshot, too
                self._query(f"lock table {table} in exclusive mode")
            self._history.write(self._transaction, statement, table)

    def _is_shared(self, table: str) -> bool:
        """Return whether the table exists and is not temporary."""
        found = self._query(
            f"select 1 from pg_class where oid = to_regclass('{table}') and relpersistence = 'p'"
        )
        return bool(found)

    def _truncate(self, statement: Statement) -> None:
        """Run a TRUNCATE, which commits the transaction."""
        self._query(statement.for_postgres())
        self._history.commit(self._transaction)
        self._query("commit")
        self._client.write(wire.BIND_COMPLETE, wire.command_complete("TRUNCATE TABLE"))
        self._client.write(wire.ready(self._status))

    def _copy(self, command: copy_command.CopyCommand) -> None:
        with closing(Journal(self._postgres.uri(self._database))) as journal:
            load = Load(command, self._columns(command), self._storage, self._roles, journal)
            self._load(load)
        self._analyze(command.destination)
        message = f"Load into table '{command.table}' completed, {load.rows} record(s) loaded."
        self._client.write(wire.BIND_COMPLETE, wire.notice(message), wire.command_complete("COPY"))
        self._client.write(wire.ready(self._status))

    def _load(self, load: Load) -> None:
        names = ", ".join(column.name for column in load.columns)
        try:
            # Read from S3 before PostgreSQL is told about the COPY.
            lines = load.lines()
            first = next(lines, b"")
            self._query(f"copy {load.command.destination} ({names}) from stdin")
            self._send(itertools.chain([first], lines))
        except RedshiftError as error:
            load.finish(error)
            raise
        load.finish()

    def _send(self, lines: Iterable[bytes]) -> None:
        """Send the rows of the current COPY to PostgreSQL."""
        try:
            for line in lines:
                self._backend.write(Message(b"d", line))
        except RedshiftError:
            self._backend.write(Message(b"f", b"the load failed\0"))
            with suppress(RedshiftError):  # PostgreSQL's report of the failure
                self._drain()
            raise
        self._backend.write(wire.COPY_DONE)
        self._drain()

    def _columns(self, command: copy_command.CopyCommand) -> list[Column]:
        found = [
            Column(name, kind, int(length) if int(length) > 0 else None, required == "t")
            for name, kind, length, required in self._query(COLUMNS.format(command.destination))
        ]
        if not command.columns:
            return found
        by_name = {column.name: column for column in found}
        if unknown := [name for name in command.columns if name not in by_name]:
            raise RedshiftError(f'column "{unknown[0]}" does not exist', "42703")
        return [by_name[name] for name in command.columns]

    def _forward(self, messages: list[Message]) -> None:
        """Forward messages to PostgreSQL, translating its errors to Redshift's."""
        self._backend.write(*messages)
        self._pass_on(self._backend.read_until(b"Z"))

    def _pass_on(self, responses: Iterable[Message]) -> None:
        """Send PostgreSQL's responses to the client, translating its errors to Redshift's."""
        for message in responses:
            if message.kind == b"Z":
                self._status = message.body
            if message.kind == b"E":
                message = wire.error(_as_redshift(wire.error_fields(message)))
            if message.kind == b"N" and wire.error_fields(message)["V"] != "WARNING":
                continue
            self._client.write(message)

    def _query(self, sql: str) -> list[list[str]]:
        """Run an internal statement in the client's transaction; errors go to the client."""
        self._backend.write(wire.query(sql))
        return self._drain()

    def _drain(self) -> list[list[str]]:
        failed = None
        rows = []
        # PostgreSQL responds to a COPY with G.
        for message in self._backend.read_until(b"G", b"Z"):
            if message.kind == b"D":
                rows.append(list(_fields(message.body)))
            if message.kind == b"E":
                failed = _as_redshift(wire.error_fields(message))
            if message.kind == b"Z":
                self._status = message.body
        if failed:
            raise RedshiftError(failed["M"], failed["C"], failed.get("D", ""))
        return rows

    def _fail(self, error: RedshiftError) -> None:
        """Send the error to the client and fail the transaction."""
        if self._status == wire.STATUS_IN_TRANSACTION:
            self._backend.write(wire.query("select redshift_refuses_this"))
            for message in self._backend.read_until(b"Z"):
                if message.kind == b"Z":
                    self._status = message.body
        fields = {"S": "ERROR", "C": error.code, "M": str(error)}
        if error.detail:
            fields["D"] = error.detail
        self._client.write(wire.error(fields), wire.ready(self._status))


def _fields(body: bytes) -> Iterator[str]:
    """Yield the values of a row."""
    position = 2
    for _ in range(int.from_bytes(body[:2], "big")):
        size = int.from_bytes(body[position : position + 4], "big", signed=True)
        position += 4
        yield body[position : position + max(size, 0)].decode()
        position += max(size, 0)


def _as_redshift(fields: dict[str, str]) -> dict[str, str]:
    """Translate an error of PostgreSQL to Redshift's."""
    if fields["C"] == "23514" and (found := re.search(r"_(\d+)_bytes", fields.get("n", ""))):
        message = f"value too long for type character varying({found[1]})"
        return {"S": "ERROR", "C": "22001", "M": message}
    if fields["C"] == "40001":
        error = violation("one that another transaction has changed")
        return {"S": "ERROR", "C": error.code, "M": str(error), "D": error.detail}
    return fields
