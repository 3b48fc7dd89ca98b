"""What is examined: one session with the warehouse, and what is made there and in S3."""

import json
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cached_property
from inspect import unwrap
from typing import Any, Self
from urllib.parse import quote

from airflow.sdk import BaseHook, Connection

from sparkify.doctor.errors import describe
from sparkify.settings import STORAGE, WAREHOUSE, setting
from sparkify.sources.base import Source
from sparkify.sources.open import open_source
from sparkify.warehouse import POSTGRES, engine, warehouse_hook

CONNECT_SECONDS, ANSWER_SECONDS = 10, 60
"""How long connecting, and any answer of the warehouse, may take."""

HIDDEN = "***"

SECRET_KEY = re.compile("password|passwd|secret|token|private|api_?key", re.IGNORECASE)
"""Matches the keys of a connection's extra whose values are secret."""

SHORTEST_KEY = 16
"""Letters of the id of an access key in AWS; those of other servers may be ordinary words."""

PRINCIPAL = re.compile(
    r"(arn:[\w-]+:(?:iam|sts)::\d*:(?:user|assumed-role|federated-user))/[^\s'\"]+"
)
"""Matches the ARN of somebody who has asked, which S3 answers with."""


class Subject:
    """
    A deployment under examination.

    Whatever is made for an examination has a name of its own, and is removed when the block of this
    context manager ends.
    """

    def __init__(self) -> None:
        self.name = f"sparkify_doctor_{secrets.token_hex(4)}"
        self.schema = ""
        self.users: set[str] = set()
        self.secrets: set[str] = set()
        self._removals: list[tuple[str, Callable[[], Any]]] = []
        self._sessions: list[Any] = []

    def __enter__(self) -> Self:
        for conn_id in (WAREHOUSE, STORAGE):
            self._learn(conn_id)
        return self

    def __exit__(self, *_: object) -> None:
        self.clean()
        for session in self._sessions:
            with suppress(Exception):  # it may be lost already
                session.close()

    @cached_property
    def engine(self) -> str:
        """The engine of the warehouse."""
        return engine()

    @property
    def known_engine(self) -> str:
        """The engine, or nothing if the connection does not say."""
        try:
            return self.engine
        except Exception:  # an examination of its own says what is wrong
            return ""

    @property
    def is_postgres(self) -> bool:
        """Whether the warehouse is PostgreSQL."""
        return self.engine == POSTGRES

    @cached_property
    def hook(self) -> Any:
        """The warehouse's hook, which gives up sooner than a run's."""
        hook = warehouse_hook()
        if self.is_postgres:
            connection, bounds = hook.connection, {"connect_timeout": CONNECT_SECONDS}
        else:
            # The timeout of the driver's socket, for any response.
            connection, bounds = hook.conn, {"timeout": CONNECT_SECONDS + ANSWER_SECONDS}
        connection.extra = json.dumps(bounds | connection.extra_dejson)
        return hook

    @cached_property
    def source(self) -> Source:
        """The source, opened once, because a client of S3 takes long to create."""
        return open_source(setting("source"))

    @cached_property
    def session(self) -> Any:
        """The session that the examinations share."""
        return self.connect()

    def connect(self) -> Any:
        """Open a session, which is closed at the end."""
        # Without the provider's retries.
        session = unwrap(type(self.hook).get_conn)(self.hook)
        self._sessions.append(session)
        with closing(session.cursor()) as cursor:
            cursor.execute(f"set statement_timeout to {ANSWER_SECONDS * 1000}")
        session.commit()
        return session

    @contextmanager
    def rolled_back(self) -> Iterator[Any]:
        """Open a cursor whose statements leave nothing behind."""
        with closing(self.session.cursor()) as cursor:
            try:
                yield cursor
            finally:
                self.session.rollback()

    def rows(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT."""
        with self.rolled_back() as cursor:
            cursor.execute(sql, parameters)
            return [tuple(row) for row in cursor.fetchall()]

    def row(self, sql: str, parameters: Any = None) -> tuple[Any, ...]:
        """Return the only row of a SELECT."""
        [row] = self.rows(sql, parameters)
        return row

    def scratch(self, table: str) -> str:
        """Return the name of a table to examine with: in the schema made for that, if there is."""
        return f"{self.schema}.{table}" if self.schema else f"{self.name}_{table}"

    def run(self, *statements: str) -> None:
        """Run statements and commit, whatever the state of the session."""
        self.session.rollback()
        with closing(self.session.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
        self.session.commit()

    def remove_later(self, what: str, remove: Callable[[], Any]) -> None:
        """Remove something at the end that is about to be made."""
        self._removals.append((what, remove))

    def nothing_made(self) -> None:
        """Forget what was to be removed last: it was refused, so there is nothing to remove."""
        self._removals.pop()

    def clean(self) -> list[str]:
        """Remove what was made; return what could not be removed, and why."""
        left = []
        while self._removals:
            what, remove = self._removals.pop()
            try:
                remove()
            except Exception as error:  # the rest must still be removed
                left.append(f"{what} ({describe(error)})")
        return left

    def hide(self, text: str) -> str:
        """Hide secrets, and the names of users."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            for written in (secret, quote(secret, safe="")):
                text = re.sub(rf"(?<!\w){re.escape(written)}(?!\w)", HIDDEN, text)
        for user in self.users:
            # Not everywhere: it may be an ordinary word, such as the project's own name.
            name = re.escape(user)
            named = rf"\b((?:user|role|owner)[\s:=]+)[\"']?{name}(?!\w)[\"']?"
            text = re.sub(named, rf"\1{HIDDEN}", text, flags=re.IGNORECASE)
            text = re.sub(rf"([\"']){name}\1", HIDDEN, text)
        return PRINCIPAL.sub(rf"\1/{HIDDEN}", text)

    def _learn(self, conn_id: str) -> None:
        """Learn what must not be shown of a connection."""
        try:
            connection: Connection = BaseHook.get_connection(conn_id)
            extra = connection.extra_dejson
        except Exception:  # an examination of its own says what is wrong
            return
        self.users |= {connection.login} if connection.login else set()
        self.secrets |= {connection.password} if connection.password else set()
        self.secrets |= {
            str(value) for key, value in extra.items() if value and SECRET_KEY.search(key)
        }
        if conn_id == STORAGE and connection.login and len(connection.login) >= SHORTEST_KEY:
            self.secrets.add(connection.login)
