"""The entries of ``repaired_names``, where loads look up the names that were garbled."""

from collections import defaultdict
from typing import Any

from sparkify.mojibake import repair
from sparkify.warehouse import autocommit, commit, insert_rows, lock


def correct_names(cursor: Any, on: str, select: str) -> list[str]:
    """
    Correct the entries of names, in a transaction of its own; return the names that needed it.

    A repair depends on the name alone, so an entry is correct whichever run made it.

    :param select: SELECT of names, each with its entry or null; one per entry
    """
    with autocommit(cursor):
        if not _wrong(cursor, select):
            return []
    lock(cursor, on, "repaired_names")
    # Another run may have corrected them since.
    wrong = _wrong(cursor, select)
    if present := [(name,) for name, entries in wrong.items() if entries]:
        cursor.executemany("delete from repaired_names where delivered = %s", present)
    entries = [(name, entry) for name in wrong for entry in _meant(name)]
    insert_rows(on, cursor, "repaired_names", "delivered, repaired", entries)
    commit(cursor)
    return list(wrong)


def _wrong(cursor: Any, select: str) -> dict[str, list[str]]:
    """Return the names whose entries are not as they should be, with these entries."""
    cursor.execute(select)
    found: dict[str, list[str]] = defaultdict(list)
    for name, entry in cursor.fetchall():
        found[name] += [] if entry is None else [entry]
    return {name: entries for name, entries in found.items() if entries != _meant(name)}


def _meant(name: str) -> list[str]:
    return [text] if (text := repair(name)) != name else []
