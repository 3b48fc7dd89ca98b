"""Many small files: songs, one a file, into a typed table."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg

from local.bench.bench import RUN_ID, WHOLE_RANGE, Bench
from local.bench.measure import Comparison, Run, Way, run_once
from local.simulator import World
from local.trouble import Trouble

SONGS = 15_000


def run(bench: Bench) -> Iterator[Comparison]:
    """From a folder."""
    source = bench.source(World(songs=SONGS, events=1000))
    uri = bench.database("small_files")
    environment = bench.airflow("small_files", source.folder)
    run_once(Way("the tables", "local.bench.loader:make_tables", environment=environment))

    def check(way: Way, run: Run) -> None:
        rows = run.outcome["rows"]
        if rows != source.songs:
            raise Trouble(f"{way.name}: {rows} rows of {source.songs} songs.")

    yield bench.compare(
        f"{source.songs:,} songs, a file each, from a folder",
        [
            Way(
                "one by one, Python's json, text COPY",
                "local.bench.small_files:one_by_one",
                {"uri": uri, "folder": str(source.folder)},
            ),
            Way(
                "sparkify",
                "local.bench.loader:stage",
                {"run_id": RUN_ID, "task": "stage_songs", **WHOLE_RANGE},
                environment,
            ),
        ],
        check,
    )


def one_by_one(uri: str, folder: str) -> Callable[[], Any]:
    """The plain way; runs in a process of its own."""

    def work() -> dict[str, int]:
        count = 0
        with psycopg.connect(uri) as client, client.cursor() as cursor:
            cursor.execute("create temp table songs_read (like staging_songs)")
            cursor.execute("select * from songs_read")
            names = [column.name for column in cursor.description or ()]
            with cursor.copy("copy songs_read from stdin") as copy:
                for file in Path(folder, "song_data").rglob("*.json"):
                    song = json.loads(file.read_text())
                    copy.write_row([song[name] for name in names])
                    count += 1
        return {"rows": count}

    return work
