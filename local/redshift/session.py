"""One client's session: its statements, in order, checked, translated and carried out."""

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
from local.redshift.refusals import Refused
from local.redshift.statements import Statement
from local.redshift.trees import tree
from local.redshift.wire import EndOfStream, Message, Stream
from local.servers.postgres import USER, EmbeddedPostgres
from local.servers.s3 import Storage

# What Redshift answers; Debian's and other builds' versions would confuse its driver.
VERSION = "8.0.2"

OPTIONS = (
    f"-c default_transaction_isolation=repeatable\\ read -c search_path=public,{SCHEMA}"
    " -c client_min_messages=log -c timezone=UTC"
    # How PostgreSQL has understood each statement, told to this session and nowhere else.
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
    :param postgres: the server that does the work
    :param storage: the S3 that COPY reads from
    :param roles: those that COPY may assume
    :param password: what the client has to know
    :param history: of a database, by its name
    :param said: told every statement
    """

    def __init__(
        self,
        client: socket.socket,
        postgres: EmbeddedPostgres,
        storage: Storage,
        roles: Collection[str],
        password: str,
        history: Callable[[str], History],
        said: Callable[[str], None],
    ) -> None:
        self._client = Stream(client)
        self._postgres = postgres
        self._storage = storage
        self._roles = roles
        self._password = password
        self._histories = history
        self._said = said
        self._status = wire.STATUS_IDLE
        self._transaction = Transaction()
        self._prepared: dict[str, Statement] = {}

    def serve(self) -> None:
        """Serve the client until it leaves."""
        try:
            self._start()
            while True:
                asked = self._client.until(b"S", b"Q", b"X")
                # A flush asks for nothing that the Sync behind it does not.
                self._answer([message for message in asked if message.kind != b"H"])
        except (EndOfStream, ConnectionError):
            pass
        finally:
            self._client.close()
            if hasattr(self, "_history"):
                self._history.leave(self._transaction)
            if hasattr(self, "_backend"):
                self._backend.close()

    def _start(self) -> None:
        asked = self._client.read_startup()
        self._client.write(wire.PASSWORD_PLEASE)
        if self._client.read().body.rstrip(b"\0").decode() != self._password:
            refused = f'password authentication failed for user "{asked.get("user")}"'
            self._client.write(wire.error({"S": "FATAL", "C": "28000", "M": refused}))
            raise EndOfStream
        database = asked["database"]
        self._history = self._histories(database)
        self._database = database
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(Path(self._postgres.socket_folder) / ".s.PGSQL.5432"))
        self._backend = Stream(connection)
        self._backend.write_startup({"user": USER, "database": database, "options": OPTIONS})
        for message in self._backend.until(b"Z"):
            if message.kind == b"S" and message.body.startswith(b"server_version\0"):
                message = wire.parameter_status("server_version", VERSION)
            self._client.write(message)
        self._equalities = {
            number for (number,) in self._own("select oid from pg_operator where oprname = '='")
        }

    def _answer(self, messages: list[Message]) -> None:
        """Answer what the client sent up to its Sync."""
        first = messages[0]
        if first.kind == b"X":
            raise EndOfStream
        try:
            if first.kind == b"Q":
                statement = Statement(wire.texts(first.body, 1)[0])
                if statement.is_planned and self._status != wire.STATUS_FAILED:
                    self._described(statement.for_postgres())
                    self._check_view(statement)
                self._execute(statement, [wire.query(statement.for_postgres())])
            elif first.kind == b"P":
                self._prepare(messages)
            elif first.kind == b"B":
                statement = self._prepared[wire.texts(first.body, 2)[1]]
                self._execute(statement, messages)
            else:
                self._forward(messages)
        except Refused as refused:
            self._refuse(refused)

    def _prepare(self, messages: list[Message]) -> None:
        name, text = wire.texts(messages[0].body, 2)
        statement = Statement(text)
        self._prepared[name] = statement
        if self._status == wire.STATUS_IN_TRANSACTION:
            # PostgreSQL waits for a lock here already, and Redshift's snapshot is older than that.
            self._guard(statement)
        if statement.verb == "copy":
            copy_command.parse(text)
            self._client.write(
                wire.PARSE_COMPLETE, wire.NO_PARAMETERS, wire.NO_DATA, wire.ready(self._status)
            )
            return
        if self._status != wire.STATUS_FAILED:
            self._check_view(statement)
        rest = messages[0].body[len(name.encode()) + len(text.encode()) + 2 :]
        body = name.encode() + b"\0" + statement.for_postgres().encode() + b"\0" + rest
        self._backend.write(Message(b"P", body), *messages[1:])
        answers = list(self._backend.until(b"Z"))
        try:
            self._check_plans(answers)
        except Refused:
            # The client takes it for not prepared.
            self._backend.write(Message(b"C", b"S" + name.encode() + b"\0"), wire.SYNC)
            self._swallow()
            raise
        self._pass_on(answers)

    def _check_plans(self, answers: Iterable[Message]) -> None:
        """Refuse a statement that PostgreSQL has understood and Redshift could not plan."""
        for message in answers:
            if message.kind == b"N":
                fields = wire.error_fields(message)
                if fields["M"] == TREE:
                    refuse_plan(tree(fields["D"]), self._equalities)

    def _check_view(self, statement: Statement) -> None:
        """
        Refuse a view that could not be planned, or that replaces one with other columns.

        CREATE VIEW, r_CREATE_VIEW.html: the columns have to be identical, names and types.
        """
        if not statement.view:
            return
        name, select = statement.view
        columns = self._described(select)
        if self._own(f"select 1 from pg_class where oid = to_regclass('{name}') and relkind = 'v'"):
            before = self._described(f"select * from {name}")
            if columns != before:
                raise Refused(f"cannot change the columns of the view {name}", "42P16")

    def _described(self, sql: str) -> list[tuple[str, bytes]]:
        """The columns of a statement, with their types; refused where it could not be planned."""
        parse = Message(b"P", b"\0" + sql.encode() + b"\0\0\0")
        self._backend.write(parse, Message(b"D", b"S\0"), wire.SYNC)
        answers = list(self._backend.until(b"Z"))
        self._status = answers[-1].body
        for message in answers:
            if message.kind == b"E":
                fields = _as_redshift(wire.error_fields(message))
                raise Refused(fields["M"], fields["C"], fields.get("D", ""))
        self._check_plans(answers)
        return [
            column
            for message in answers
            if message.kind == b"T"
            for column in wire.columns(message)
        ]

    def _execute(self, statement: Statement, messages: list[Message]) -> None:
        self._said(statement.text)
        alone = self._status == wire.STATUS_IDLE
        if alone:
            self._history.leave(self._transaction)
            self._transaction = Transaction()
        # What a failed transaction is told makes no difference; PostgreSQL says so.
        if self._status != wire.STATUS_FAILED:
            self._guard(statement)
            if alone or statement.verb in ("commit", "end"):
                self._history.commit(self._transaction)
        if statement.verb in ("rollback", "abort"):
            self._history.leave(self._transaction)
        if statement.verb == "copy":
            self._copy(copy_command.parse(statement.text))
        elif statement.verb == "truncate" and not alone:
            self._truncate(statement)
        else:
            self._forward(messages)
            if statement.verb == "insert" and self._status != wire.STATUS_FAILED:
                self._analyze(statement.writes)

    def _analyze(self, table: str | None) -> None:
        """
        Look at a table that has grown, as Redshift does by itself.

        Without it PostgreSQL takes a new table for an empty one, and looks through it once a row.
        """
        if table and self._is_shared(table):
            self._own(f"analyze {table}")

    def _guard(self, statement: Statement) -> None:
        """Wait for other writers of the table, and refuse a write that did not see theirs."""
        if not statement.takes_snapshot:
            return
        self._history.see(self._transaction, statement)
        if statement.verb == "drop" and self._status == wire.STATUS_IN_TRANSACTION:
            self._history.drop(self._transaction)
        if (table := statement.writes) and self._is_shared(table):
            if self._status == wire.STATUS_IN_TRANSACTION:
                self._own("select 1")  # so that PostgreSQL's snapshot is taken here too
                self._own(f"lock table {table} in exclusive mode")
            self._history.write(self._transaction, statement, table)

    def _is_shared(self, table: str) -> bool:
        """Whether other sessions see the table: it is there, and not temporary."""
        found = self._own(
            f"select 1 from pg_class where oid = to_regclass('{table}') and relpersistence = 'p'"
        )
        return bool(found)

    def _truncate(self, statement: Statement) -> None:
        """TRUNCATE commits the transaction in which it is run."""
        self._own(statement.for_postgres())
        self._history.commit(self._transaction)
        self._own("commit")
        self._client.write(wire.BIND_COMPLETE, wire.command_complete("TRUNCATE TABLE"))
        self._client.write(wire.ready(self._status))

    def _copy(self, command: copy_command.CopyCommand) -> None:
        with closing(Journal(self._postgres.uri(self._database))) as journal:
            load = Load(command, self._columns(command), self._storage, self._roles, journal)
            self._load(load)
        self._analyze(command.table)
        told = f"Load into table '{command.table}' completed, {load.rows} record(s) loaded."
        self._client.write(wire.BIND_COMPLETE, wire.notice(told), wire.command_complete("COPY"))
        self._client.write(wire.ready(self._status))

    def _load(self, load: Load) -> None:
        names = ", ".join(column.name for column in load.columns)
        try:
            # Nothing is sent to PostgreSQL before S3 has given it.
            lines = load.lines()
            first = next(lines, b"")
            self._own(f"copy {load.command.table} ({names}) from stdin")
            self._send(itertools.chain([first], lines))
        except Refused as refused:
            load.ended(refused)
            raise
        load.ended()

    def _send(self, lines: Iterable[bytes]) -> None:
        """Send PostgreSQL the rows of the COPY that it is in."""
        try:
            for line in lines:
                self._backend.write(Message(b"d", line))
        except Refused:
            self._backend.write(Message(b"f", b"the load failed\0"))
            with suppress(Refused):  # PostgreSQL's word for what we told it
                self._swallow()
            raise
        self._backend.write(wire.COPY_DONE)
        self._swallow()

    def _columns(self, command: copy_command.CopyCommand) -> list[Column]:
        found = [
            Column(name, kind, int(length) if int(length) > 0 else None, required == "t")
            for name, kind, length, required in self._own(COLUMNS.format(command.table))
        ]
        if not command.columns:
            return found
        by_name = {column.name: column for column in found}
        if unknown := [name for name in command.columns if name not in by_name]:
            raise Refused(f'column "{unknown[0]}" does not exist', "42703")
        return [by_name[name] for name in command.columns]

    def _forward(self, messages: list[Message]) -> None:
        """Let PostgreSQL answer; its errors are told as Redshift tells them."""
        self._backend.write(*messages)
        self._pass_on(self._backend.until(b"Z"))

    def _pass_on(self, answers: Iterable[Message]) -> None:
        for message in answers:
            if message.kind == b"Z":
                self._status = message.body
            if message.kind == b"E":
                message = wire.error(_as_redshift(wire.error_fields(message)))
            if message.kind == b"N" and wire.error_fields(message)["V"] != "WARNING":
                continue
            self._client.write(message)

    def _own(self, sql: str) -> list[list[str]]:
        """A statement of our own in the client's transaction; an error is the client's."""
        self._backend.write(wire.query(sql))
        return self._swallow()

    def _swallow(self) -> list[list[str]]:
        failed = None
        rows = []
        # A COPY's answer is that it may begin.
        for message in self._backend.until(b"G", b"Z"):
            if message.kind == b"D":
                rows.append(list(_fields(message.body)))
            if message.kind == b"E":
                failed = _as_redshift(wire.error_fields(message))
            if message.kind == b"Z":
                self._status = message.body
        if failed:
            raise Refused(failed["M"], failed["C"], failed.get("D", ""))
        return rows

    def _refuse(self, refused: Refused) -> None:
        """Tell the client, and let the transaction fail with it."""
        if self._status == wire.STATUS_IN_TRANSACTION:
            self._backend.write(wire.query("select redshift_refuses_this"))
            for message in self._backend.until(b"Z"):
                if message.kind == b"Z":
                    self._status = message.body
        fields = {"S": "ERROR", "C": refused.code, "M": str(refused)}
        if refused.detail:
            fields["D"] = refused.detail
        self._client.write(wire.error(fields), wire.ready(self._status))


def _fields(body: bytes) -> Iterator[str]:
    """The texts of one row."""
    position = 2
    for _ in range(int.from_bytes(body[:2], "big")):
        size = int.from_bytes(body[position : position + 4], "big", signed=True)
        position += 4
        yield body[position : position + max(size, 0)].decode()
        position += max(size, 0)


def _as_redshift(fields: dict[str, str]) -> dict[str, str]:
    """An error of PostgreSQL's in Redshift's words."""
    if fields["C"] == "23514" and (found := re.search(r"_(\d+)_bytes", fields.get("n", ""))):
        said = f"value too long for type character varying({found[1]})"
        return {"S": "ERROR", "C": "22001", "M": said}
    if fields["C"] == "40001":
        refused = violation("one that another transaction has changed")
        return {"S": "ERROR", "C": refused.code, "M": str(refused), "D": refused.detail}
    return fields
