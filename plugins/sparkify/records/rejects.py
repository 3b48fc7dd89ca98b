"""Rejects: records that cannot be loaded, and what of them may be kept."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from sparkify.records.keys import KeyMap
from sparkify.sources.base import SourceFile

FORGOTTEN = "of a forgotten user"

QUOTED = re.compile(r""": ['"].*""", re.DOTALL)
"""The value that a reason quotes, at its end."""


class Reject(NamedTuple):
    """A record that cannot be loaded: where it is, and why; ``moment`` as in a misfit."""

    file: SourceFile
    line: int | None
    column: str | None
    reason: str
    text: str
    moment: datetime | None = None

    @property
    def is_forgotten(self) -> bool:
        """Whether it is only counted, as a record of a forgotten user."""
        return self.reason == FORGOTTEN


@dataclass(frozen=True)
class Forgotten:
    """
    The users of whom nothing may be kept.

    :param column: the column with a record's user, whose name is also its JSON key, in any case
    :param users: the ids of the forgotten users
    """

    column: str = ""
    users: frozenset[int] = frozenset()

    @property
    def predicate(self) -> str:
        """The predicate (SQL) of their rows, if there are any users."""
        ids = ", ".join(map(str, sorted(self.users)))
        return f"{self.column} in ({ids})" if ids else ""

    def redact(self, reject: Reject) -> Reject:
        """Return a reject without anything that may be a forgotten user's."""
        reason, text = self.redacted(reject.reason, reject.text)
        return reject._replace(reason=reason, text=text)

    def redacted(self, reason: str, text: str) -> tuple[str, str]:
        """
        Return what may be kept of a reject's reason and text.

        A text that is not one object of one user may be anybody's, so nothing of it is kept.
        """
        if not self.users:
            return reason, text
        user = self._user_of(text)
        if user in self.users:
            return FORGOTTEN, ""
        if user is None:
            return QUOTED.sub("", reason), ""
        return reason, text

    def _user_of(self, text: str) -> int | None:
        """Return the user of a text if it is one object, and has one user, at whatever depth."""
        users: list[object] = []

        def collect(pairs: list[tuple[str, object]]) -> dict[str, object]:
            users.extend(value for key, value in pairs if self._keys.column(key))
            return dict(pairs)

        try:
            parsed = json.loads(text, object_pairs_hook=collect, parse_int=str)
        except (RecursionError, ValueError):
            return None
        return _id(users[0]) if isinstance(parsed, dict) and len(users) == 1 else None

    @cached_property
    def _keys(self) -> KeyMap:
        return KeyMap([self.column])


def _id(value: object) -> int | None:
    """Return a user's id, if a JSON value can be read as one."""
    found = ID.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) if found else None


ID = re.compile(r"\s*(-?[0-9]{1,19})\s*")
