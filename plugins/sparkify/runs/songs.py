"""Which song files are in the warehouse."""

from typing import Any

from sparkify.warehouse import autocommit


def published_songs(cursor: Any, source: str) -> set[tuple[str, str]]:
    """Return the versions of a source's song files that are in the warehouse."""
    with autocommit(cursor):
        cursor.execute(
            "select source_file, etag from song_files where source = %s "
            "and published_at is not null",
            (source,),
        )
        return {(name, etag) for name, etag in cursor.fetchall()}
