"""The floor: rows that are ready, copied into their table; runs in a process of its own."""

from collections.abc import Callable
from pathlib import Path

import psycopg

PIECE = 1 << 20


def copy_rows(uri: str, like: str, table: str, file: str, form: str) -> Callable[[], int]:
    """COPY a file that the server wrote itself; nothing a loader does can take less."""

    def work() -> int:
        with psycopg.connect(uri) as client, Path(file).open("rb") as rows:
            client.execute(f"drop table if exists {table}".encode())
            client.execute(f"create unlogged table {table} (like {like})".encode())
            with client.cursor() as cursor:
                with cursor.copy(f"copy {table} from stdin (format {form})".encode()) as copy:
                    while piece := rows.read(PIECE):
                        copy.write(piece)
                return cursor.rowcount

    return work
