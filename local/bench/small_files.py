"""Many small files: songs, one per file, loaded into a typed table."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from local.bench.bench import RUN_ID, WHOLE_RANGE, Bench
from local.bench.measure import Case, Comparison, Run, run_once
from local.bench.slow_s3 import BUCKET
from local.deployment.environment import STORAGE_CONNECTION
from local.simulator import World
from local.terminal.errors import UserError

SONGS = 15_000
LATENCY_MS = 20
THREADS = 16
SHARE = 0.2
"""Share of the songs for the case that takes half a minute for all of them."""


def run(bench: Bench) -> Iterator[Comparison]:
    """Load from a folder and from S3."""
    source = bench.source(World(songs=SONGS, events=1000))
    uri = bench.database("small_files")
    here = bench.airflow("small_files", source.folder)
    run_once(Case("the tables", "local.bench.loader:create_tables", environment=here))

    def check(case: Case, run: Run) -> None:
        rows, wanted = run.outcome["rows"], round(source.songs * case.work)
        if rows != wanted:
            raise UserError(f"{case.name} loaded {rows} rows for {wanted} songs.")

    yield bench.compare(
        f"{source.songs:,} songs, one file each, from a folder",
        [
            Case(
                "one by one, Python's json, text COPY",
                "local.bench.small_files:one_by_one",
                {"uri": uri, "folder": str(source.folder)},
            ),
            _ours(here),
        ],
        check,
    )
    with slow_s3(source.folder) as url:
        arguments = {"uri": uri, "url": url, "songs": round(source.songs * SHARE)}
        there = bench.airflow("small_files", f"s3://{BUCKET}")
        yield bench.compare(
            f"{source.songs:,} songs, one object each, from S3 with {LATENCY_MS} ms latency",
            [
                Case(
                    f"boto3, {THREADS} threads, Python's json, text COPY",
                    "local.bench.small_files:by_boto3",
                    arguments,
                    work=SHARE,
                ),
                _ours({**there, STORAGE_CONNECTION: _connection(url)}),
            ],
            check,
        )


def _ours(environment: Mapping[str, str]) -> Case:
    arguments = {"run_id": RUN_ID, "task": "stage_songs", **WHOLE_RANGE}
    return Case("sparkify", "local.bench.loader:stage", arguments, environment)


def _connection(url: str) -> str:
    extra = {"endpoint_url": url, "region": "us-east-1"}
    return json.dumps({"conn_type": "aws", "login": "a", "password": "b", "extra": extra})


@contextmanager
def slow_s3(folder: Path) -> Iterator[str]:
    """Run an S3 server with latency during the block; yield its URL."""
    with tempfile.TemporaryDirectory(prefix="sparkify-s3-") as temporary:
        port = Path(temporary) / "port"
        serve = ["-m", "local.bench.slow_s3", str(folder), str(LATENCY_MS), str(port)]
        server = subprocess.Popen([sys.executable, *serve])
        try:
            while not port.exists():
                if server.poll() is not None:
                    raise UserError("The benchmark's S3 server does not start.")
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port.read_text()}"
        finally:
            server.kill()
            server.wait()


def one_by_one(uri: str, folder: str) -> Callable[[], Any]:
    """The straightforward way; runs in its own process."""

    def texts() -> Iterator[str]:
        for file in Path(folder, "song_data").rglob("*.json"):
            yield file.read_text()

    return lambda: _copy(uri, texts())


def by_boto3(uri: str, url: str, songs: int) -> Callable[[], Any]:
    """The straightforward way with S3; runs in its own process."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",  # noqa: S106 - any is accepted
        config=Config(max_pool_connections=THREADS),
    )

    def keys() -> Iterator[str]:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="song_data/")
        yield from (entry["Key"] for page in pages for entry in page["Contents"])

    def text(key: str) -> str:
        return str(client.get_object(Bucket=BUCKET, Key=key)["Body"].read(), "utf-8")

    def work() -> dict[str, int]:
        with ThreadPoolExecutor(THREADS) as readers:
            return _copy(uri, readers.map(text, list(keys())[:songs]))

    return work


def _copy(uri: str, texts: Iterator[str]) -> dict[str, int]:
    count = 0
    with psycopg.connect(uri) as client, client.cursor() as cursor:
        cursor.execute("create temp table songs_read (like staging_songs)")
        cursor.execute("select * from songs_read")
        names = [column.name for column in cursor.description or ()]
        with cursor.copy("copy songs_read from stdin") as copy:
            for text in texts:
                song = json.loads(text)
                copy.write_row([song[name] for name in names])
                count += 1
    return {"rows": count}
