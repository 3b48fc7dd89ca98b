"""Rejects: records that cannot be loaded, and what of them may be kept."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

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

        A text in which no user can be read may be anybody's, so nothing of it is kept.
        """
        if not self.users:
            return reason, text
        users = set(self._users_in(text))
        if users & self.users:
            return FORGOTTEN, ""
        if users and None not in users:
            return reason, text
        return QUOTED.sub("", reason), ""

    def _users_in(self, text: str) -> Iterator[int | None]:
        """Yield each user named in a text; None for a value that cannot be read."""
        for key in self._key.finditer(text):
            value = VALUE.match(text, key.end())
            yield int(value[1] or value[2] or NOBODY) if value else None

    @cached_property
    def _key(self) -> re.Pattern[str]:
        return re.compile(rf'"{re.escape(self.column)}"\s*:\s*', re.IGNORECASE)


NOBODY = -1
"""The user of a record without one."""

VALUE = re.compile(r'(?:null|"\s*([0-9]{0,19})\s*"|([0-9]{1,19}))\s*[,}]')
"""A user's id up to what follows it: in a text that is cut off, an id may be cut off too."""
