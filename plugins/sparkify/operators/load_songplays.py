"""Loads the plays, under names that can be read."""

from collections.abc import Sequence
from typing import Any, ClassVar

from sparkify.mojibake import repaired
from sparkify.operators.load_fact import LoadFactOperator
from sparkify.warehouse import lock


class LoadSongplaysOperator(LoadFactOperator):
    """
    Replace one time window of the plays, once their garbled names are in ``repaired_names``.

    The load itself is the parent's; it looks names up there to match songs. How one is repaired
    depends on its text alone, so an entry is never wrong, whichever run made it.

    :param names: SELECT of the names that may be garbled, or its ``.sql`` file (templated)
    :param matches: SELECT of the rules by which plays matched and how many did by each, which is
        logged and returned, or its ``.sql`` file (templated)
    """

    template_fields: Sequence[str] = ("names", "matches", *LoadFactOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "names": "sql",
        "matches": "sql",
        **LoadFactOperator.template_fields_renderers,
    }

    def __init__(self, *, names: str, matches: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.names = names
        self.matches = matches

    def prepare(self, cursor: Any) -> None:
        """Enter how those of the names that are garbled were meant."""
        cursor.execute(self.names)
        names = [name for (name,) in cursor.fetchall()]
        cursor.execute("commit")
        garbled = [(name, text) for name in names if (text := repaired(name)) != name]
        if not garbled:
            return
        # Another run may be entering the same names.
        cursor.execute(lock("repaired_names", self.get_db_hook().conn_type))
        cursor.executemany(
            "delete from repaired_names where delivered = %s", [(name,) for name, _ in garbled]
        )
        cursor.executemany(
            "insert into repaired_names (delivered, repaired) values (%s, %s)", garbled
        )
        cursor.execute("commit")
        self.log.info("Repaired %s garbled names, such as %s", len(garbled), garbled[0][1])

    def outcome(self, cursor: Any) -> dict[str, int]:
        """How many plays matched by which rule."""
        cursor.execute(self.matches)
        matches = dict(cursor.fetchall())
        self.log.info("Plays that matched the catalogue, by rule: %s", matches)
        return matches
