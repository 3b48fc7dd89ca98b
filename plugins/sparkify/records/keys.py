"""Which JSON key fills which column, ignoring case like COPY's 'auto ignorecase'."""

from collections.abc import Iterable, Mapping
from threading import Lock

NO_CHARACTER = r'"\\\x00-\x1f'
CHARACTER = f"[^{NO_CHARACTER}]"
"""A pattern of one character of a JSON text, unless escaped."""

MAX_SEEN = 10_000
"""How many keys are remembered; with more, further keys without a column are checked each time."""


class KeyMap:
    """
    Maps each column to a key: the first spelling of the column's name that the source uses.

    One thread may learn keys while another reads ``by_column``, which is replaced, never changed.

    :param columns: names in lower case
    """

    def __init__(self, columns: Iterable[str]) -> None:
        self.columns = tuple(columns)
        self.by_column: Mapping[str, str] = {}
        self._seen: set[str] = set()
        self._learning = Lock()

    def fits(self, fields: Mapping[str, object]) -> bool:
        """Whether this mapping covers an object's keys, after learning new ones."""
        return self._seen.issuperset(fields) or all(map(self._fits, fields))

    def _fits(self, key: str) -> bool:
        column = self.column(key)
        if column:
            with self._learning:
                if column not in self.by_column:
                    self.by_column = {**self.by_column, column: key}
            if self.by_column[column] != key:
                return False
        if column or len(self._seen) < MAX_SEEN:
            self._seen.add(key)
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


def no_name(names: Iterable[str]) -> str:
    """Return a pattern of the keys without escapes that are none of the names, in any case."""
    names = list(names)
    heads = sorted({name[0] for name in names if name})
    letters = "".join(map(_in_any_case, heads))
    keys = [f"[^{NO_CHARACTER}{letters}]{CHARACTER}*"]
    for head in heads:
        rest = no_name(name[1:] for name in names if name[:1] == head)
        keys.append(f"[{_in_any_case(head)}]{rest}")
    # The beginning of a name is none.
    return f"(?:{'|'.join(keys)})" + ("" if "" in names else "?")


def _in_any_case(letter: str) -> str:
    return letter + letter.upper() if letter.isalpha() else letter
