"""The benchmark environment: its PostgreSQL server and simulated sources."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from local.bench.measure import Case, Check, Comparison, compare
from local.deployment.environment import SOURCE_VARIABLE, WAREHOUSE_CONNECTION
from local.deployment.layout import Layout
from local.servers.postgres import EmbeddedPostgres
from local.simulator import World, simulate
from local.terminal.screen import Screen

WHOLE_RANGE = {"start": "2018-11-01", "end": "2019-11-01"}
"""Covers every simulated source."""

RUN_ID = "bench"


class Skipped(Exception):  # noqa: N818 - not an error
    """A part that cannot be measured here."""


@dataclass(frozen=True)
class BenchSource:
    """A simulated source and its counts."""

    folder: Path
    lines: int
    events: int
    plays: int
    songs: int

    @property
    def damaged(self) -> int:
        """The number of lines that cannot be loaded."""
        return self.lines - self.events


@dataclass(frozen=True)
class Bench:
    """
    The environment that all parts share.

    :param layout: paths of the project
    :param server: server that runs during the benchmarks
    :param screen: screen for progress
    :param full: whether to include long measurements
    :param events: default number of events to load
    """

    layout: Layout
    server: EmbeddedPostgres
    screen: Screen
    full: bool
    events: int

    @property
    def folder(self) -> Path:
        """The folder with what later benchmarks reuse."""
        return self.layout.local / "bench"

    @property
    def times(self) -> int:
        """The number of repetitions."""
        return 5 if self.full else 3

    def source(self, world: World) -> BenchSource:
        """Return a source of this world, which is written once."""
        name = hashlib.sha256(repr(world).encode()).hexdigest()[:12]
        folder = self.folder / "sources" / name
        counts_file = folder.with_suffix(".json")
        if not counts_file.exists():
            shutil.rmtree(folder, ignore_errors=True)
            with self.screen.step(f"Simulating {world.wanted:,} events, {world.songs:,} songs"):
                written = simulate(folder, world)
            counts = (written.lines, written.events, written.plays, written.songs)
            counts_file.write_text(json.dumps(counts))
        return BenchSource(folder, *json.loads(counts_file.read_text()))

    def database(self, name: str) -> str:
        """Create an empty database and return its URI."""
        with psycopg.connect(self.server.uri("postgres"), autocommit=True) as client:
            client.execute(f"drop database if exists {name} with (force)".encode())
            client.execute(f"create database {name}".encode())
        return self.server.uri(name)

    def rows(self, uri: str, query: str) -> Any:
        """Return the rows of a query."""
        with psycopg.connect(uri, autocommit=True) as client:
            return client.execute(query.encode()).fetchall()

    def airflow(self, database: str, source: Path | str) -> Mapping[str, str]:
        """Return the environment in which the operators load a source into a database."""
        return {
            "PYTHONPATH": f"{self.layout.root}{os.pathsep}{self.layout.root / 'plugins'}",
            "AIRFLOW_HOME": str(self.folder / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.layout.root / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.layout.root / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
            WAREHOUSE_CONNECTION: self.server.connection(database),
            SOURCE_VARIABLE: source.as_uri() if isinstance(source, Path) else source,
        }

    def compare(
        self, title: str, cases: Sequence[Case], check: Check, *, note: str = ""
    ) -> Comparison:
        """Measure cases of a job in turn and show the progress."""
        with self.screen.step(title) as step:
            return compare(title, cases, times=self.times, check=check, report=step.show, note=note)


@contextmanager
def bench(layout: Layout, screen: Screen, *, full: bool, events: int) -> Iterator[Bench]:
    """Run the server during the block and remove it afterwards."""
    server = EmbeddedPostgres(layout.local / "bench" / "postgres")
    with screen.step("Starting PostgreSQL"):
        _remove(server)
        server.start()
    try:
        yield Bench(layout, server, screen, full, events)
    finally:
        _remove(server)


def _remove(server: EmbeddedPostgres) -> None:
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)
