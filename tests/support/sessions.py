"""PostgreSQL sessions that outlive their task, for tests of many runs."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo


class Session(psycopg.Connection[Any]):
    """A session that a task closes for itself alone: the next task takes it, as good as new."""

    target: str
    idle: dict[str, list["Session"]]

    def close(self) -> None:
        """Undo what was not committed, and whatever the session was told."""
        with suppress(psycopg.Error):
            self.rollback()
            self.autocommit = True
            self.execute("discard all")
            self.autocommit = False
            self.idle[self.target].append(self)
            return
        super().close()


@contextmanager
def reused_sessions() -> Iterator[None]:
    """
    Give tasks the sessions of those before them.

    A new session first reads the catalogue, which is over half of what an hour asks of PostgreSQL.
    """
    idle: dict[str, list[Session]] = defaultdict(list)

    def connect(conninfo: str = "", **parameters: Any) -> Session:
        target = make_conninfo(conninfo, **parameters)
        with suppress(IndexError):
            return idle[target].pop()
        # Those of the warehouses of earlier examples would add up.
        end(other for other in list(idle) if other != target)
        session = connect_anew(target)
        session.target, session.idle = target, idle
        # It would count on statements that it prepared for another task.
        session.prepare_threshold = None
        return session

    def end(targets: Iterator[str]) -> None:
        for target in targets:
            for session in idle.pop(target, []):
                psycopg.Connection.close(session)

    connect_anew = Session.connect
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Connection, "connect", connect)
        yield
    end(iter(list(idle)))
