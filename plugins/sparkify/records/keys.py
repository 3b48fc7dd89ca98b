"""How the keys of a source's objects are spelled: COPY's 'auto ignorecase', learned as it goes."""

import re
from collections.abc import Iterable, Iterator, Mapping

MOST_REMEMBERED = 10_000
"""Keys without a column that are remembered; a source with more is looked at key by key."""


class Spelling:
    """
    Which key fills which column: the first spelling of the column's name that the source uses.

    :param columns: names in lower case
    """

    def __init__(self, columns: Iterable[str]) -> None:
        self.columns = tuple(columns)
        self.keys: dict[str, str] = {}
        self._known: set[str] = set()
        self._others: str | None = None

    def fits(self, fields: Mapping[str, object]) -> bool:
        """Whether the known keys fill all that this object has to fill; new ones are learned."""
        return self._known.issuperset(fields) or all(map(self._fits, fields))

    def _fits(self, key: str) -> bool:
        column = self.column(key)
        if column and self.keys.setdefault(column, key) != key:
            return False
        if column or len(self._known) < MOST_REMEMBERED:
            self._known.add(key)
            self._others = None
        return True

    def of(self, fields: Iterable[str]) -> dict[str, str]:
        """Which of one object's keys fills which column: the first that could."""
        keys: dict[str, str] = {}
        for key in fields:
            if column := self.column(key):
                keys.setdefault(column, key)
        return keys

    def column(self, key: str) -> str | None:
        """The column that a key names; None when it names none."""
        # Letters outside ASCII have no part in it: the Kelvin sign is not a k.
        name = key.lower() if key.isascii() else key
        return name if name in self.columns else None

    def others(self) -> str:
        """The regular expression of any key that names a column but is not the known one."""
        if self._others is None:
            spelled = "|".join(
                spelling
                for column in self.columns
                for spelling in _other_spellings(self.keys.get(column), column)
            )
            # That a key follows a brace, a comma or a blank spares a look at most values.
            self._others = rf'[{{,\s]"(?:{spelled})"\s*:'
        return self._others


def _other_spellings(key: str | None, column: str) -> Iterator[str]:
    """Regular expressions that together match the column's name in all spellings but the key."""
    if key is None:
        yield _in_any_case(column)
        return
    for position, letter in enumerate(key):
        if letter.isalpha():
            alike, rest = key[:position], key[position + 1 :]
            yield re.escape(alike) + letter.swapcase() + _in_any_case(rest)


def _in_any_case(text: str) -> str:
    return f"(?i-u:{re.escape(text)})" if text else ""
