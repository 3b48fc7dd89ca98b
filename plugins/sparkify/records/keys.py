"""Which JSON key fills which column, ignoring case like COPY's 'auto ignorecase'."""

import re
from collections.abc import Iterable, Iterator, Mapping

MAX_SEEN = 10_000
"""How many keys are remembered; with more, further keys without a column are checked each time."""


class KeyMap:
    """
    Maps each column to a key: the first spelling of the column's name that the source uses.

    :param columns: names in lower case
    """

    def __init__(self, columns: Iterable[str]) -> None:
        self.columns = tuple(columns)
        self.by_column: dict[str, str] = {}
        self._seen: set[str] = set()
        self._others: str | None = None

    def fits(self, fields: Mapping[str, object]) -> bool:
        """Whether this mapping covers an object's keys, after learning new ones."""
        return self._seen.issuperset(fields) or all(map(self._fits, fields))

    def _fits(self, key: str) -> bool:
        column = self.column(key)
        if column and self.by_column.setdefault(column, key) != key:
            return False
        if column or len(self._seen) < MAX_SEEN:
            self._seen.add(key)
            self._others = None
        return True

    def of(self, fields: Iterable[str]) -> dict[str, str]:
        """Map each column to a key of one object: the first one that matches."""
        keys: dict[str, str] = {}
        for key in fields:
            if column := self.column(key):
                keys.setdefault(column, key)
        return keys

    def column(self, key: str) -> str | None:
        """Return the column that a key names, if any."""
        # Only ASCII is lowered: the Kelvin sign is not a k.
        name = key.lower() if key.isascii() else key
        return name if name in self.columns else None

    def others(self) -> str:
        """Return a pattern of the keys that name a column in another spelling than this mapping."""
        if self._others is None:
            spelled = "|".join(
                spelling
                for column in self.columns
                for spelling in _other_spellings(self.by_column.get(column), column)
            )
            # A key follows a brace, a comma or a blank, unlike most values.
            self._others = rf'[{{,\s]"(?:{spelled})"\s*:'
        return self._others


def _other_spellings(key: str | None, column: str) -> Iterator[str]:
    """Yield patterns that together match all spellings of the column's name but the key."""
    if key is None:
        yield _in_any_case(column)
        return
    for position, letter in enumerate(key):
        if letter.isalpha():
            same, rest = key[:position], key[position + 1 :]
            yield re.escape(same) + letter.swapcase() + _in_any_case(rest)


def _in_any_case(text: str) -> str:
    return f"(?i-u:{re.escape(text)})" if text else ""
