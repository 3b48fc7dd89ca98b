"""Which song files are in the warehouse."""

from typing import Any, NamedTuple

from sparkify.warehouse import autocommit

PUBLISHED = "from song_files where source = %s and published_at is not null"


class KnownSongs(NamedTuple):
    """
    What the warehouse knows of song files.

    :param versions: those of a source that are in the warehouse
    :param are_read: whether an earlier try of a run has read song files
    """

    versions: set[tuple[str, str]]
    are_read: bool


def published_songs(cursor: Any, source: str) -> set[tuple[str, str]]:
    """Return the versions of a source's song files that are in the warehouse."""
    with autocommit(cursor):
        cursor.execute(f"select source_file, etag {PUBLISHED}", (source,))
        return {(name, etag) for name, etag in cursor.fetchall()}


def known_songs(cursor: Any, source: str, run_id: str) -> KnownSongs:
    """Return those versions, and whether the run has read songs before, by one query."""
    with autocommit(cursor):
        cursor.execute(
            f"select source_file, etag, 1 {PUBLISHED} union all "
            "select source_file, etag, 0 from file_ledger where dataset = 'staging_songs' "
            "and run_id = %s",
            (source, run_id),
        )
        rows = cursor.fetchall()
    versions = {(name, etag) for name, etag, is_published in rows if is_published}
    return KnownSongs(versions, any(not is_published for *_, is_published in rows))
