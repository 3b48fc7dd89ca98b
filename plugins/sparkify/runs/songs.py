"""Which song files are in the warehouse."""

from typing import Any, NamedTuple

from sparkify.warehouse import autocommit


class KnownSongs(NamedTuple):
    """
    What the warehouse knows of a source's song files.

    :param versions: those that are in the warehouse
    :param are_read: whether an earlier try of the run has read song files
    """

    versions: set[tuple[str, str]]
    are_read: bool


def known_songs(cursor: Any, source: str, run_id: str) -> KnownSongs:
    """Return what the warehouse knows, by one query, as most runs end with it."""
    with autocommit(cursor):
        cursor.execute(
            "select source_file, etag, 1 from song_files where source = %s "
            "and published_at is not null union all "
            "select source_file, etag, 0 from file_ledger where dataset = 'staging_songs' "
            "and run_id = %s",
            (source, run_id),
        )
        rows = cursor.fetchall()
    versions = {(name, etag) for name, etag, is_published in rows if is_published}
    return KnownSongs(versions, len(rows) > len(versions))
