"""The floor: COPY of ready rows into their table; runs in its own process."""

from collections.abc import Callable
from pathlib import Path

import psycopg

CHUNK_SIZE = 1 << 20


def copy_rows(uri: str, like: str, table: str, file: str, form: str) -> Callable[[], int]:
    """COPY a file that the server wrote itself; no loader can be faster."""

    def work() -> int:
        with psycopg.connect(uri) as client, Path(file).open("rb") as rows:
            client.execute(f"drop table if exists {table}".encode())
            client.execute(f"create unlogged table {table} (like {like})".encode())
            with client.cursor() as cursor:
                with cursor.copy(f"copy {table} from stdin (format {form})".encode()) as copy:
                    while chunk := rows.read(CHUNK_SIZE):
                        copy.write(chunk)
                return cursor.rowcount

    return work
