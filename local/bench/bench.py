"""The bench: a PostgreSQL of its own, sources from the simulator, and what is compared on them."""

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

from local.bench.measure import Check, Comparison, Way, compare
from local.deployment.environment import SOURCE_VARIABLE, WAREHOUSE_CONNECTION
from local.deployment.layout import Layout
from local.servers.postgres import EmbeddedPostgres
from local.simulator import World, simulate
from local.terminal.screen import Screen

WHOLE_RANGE = {"start": "2018-11-01", "end": "2019-11-01"}
"""Every simulated source lies inside it."""

RUN_ID = "bench"


class LeftOut(Exception):  # noqa: N818 - it is no error
    """Why a part, or a way of doing a job, is not measured here."""


@dataclass(frozen=True)
class BenchSource:
    """A simulated source, and what its writer knows of it."""

    folder: Path
    lines: int
    events: int
    plays: int
    songs: int

    @property
    def damaged(self) -> int:
        """How many lines cannot be loaded."""
        return self.lines - self.events


@dataclass(frozen=True)
class Bench:
    """
    What every part measures on.

    :param layout: the project
    :param server: ends with the bench
    :param screen: where progress is shown
    :param full: whether the long measurements are made too
    :param events: how many events are loaded where nothing else is said
    """

    layout: Layout
    server: EmbeddedPostgres
    screen: Screen
    full: bool
    events: int

    @property
    def folder(self) -> Path:
        """What the bench keeps for the next time."""
        return self.layout.local / "bench"

    @property
    def times(self) -> int:
        """How often everything is measured."""
        return 5 if self.full else 3

    def source(self, world: World) -> BenchSource:
        """A source of this world; it is written once and kept."""
        name = hashlib.sha256(repr(world).encode()).hexdigest()[:12]
        folder = self.folder / "sources" / name
        facts = folder.with_suffix(".json")
        if not facts.exists():
            shutil.rmtree(folder, ignore_errors=True)
            with self.screen.step(f"Simulate {world.wanted:,} events, {world.songs:,} songs"):
                written = simulate(folder, world)
            known = (written.lines, written.events, written.plays, written.songs)
            facts.write_text(json.dumps(known))
        return BenchSource(folder, *json.loads(facts.read_text()))

    def database(self, name: str) -> str:
        """The URI of a database made anew."""
        with psycopg.connect(self.server.uri("postgres"), autocommit=True) as client:
            client.execute(f"drop database if exists {name} with (force)".encode())
            client.execute(f"create database {name}".encode())
        return self.server.uri(name)

    def rows(self, uri: str, query: str) -> Any:
        """What a database answers."""
        with psycopg.connect(uri, autocommit=True) as client:
            return client.execute(query.encode()).fetchall()

    def airflow(self, database: str, source: Path | str) -> Mapping[str, str]:
        """The environment in which the project's operators load a source into a database."""
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
        self, title: str, ways: Sequence[Way], check: Check, *, note: str = ""
    ) -> Comparison:
        """Measure ways of doing one job in turn, and show how far it is."""
        with self.screen.step(title) as step:
            return compare(title, ways, times=self.times, check=check, report=step.show, note=note)


@contextmanager
def bench(layout: Layout, screen: Screen, *, full: bool, events: int) -> Iterator[Bench]:
    """A bench, whose server ends with the block and leaves nothing."""
    server = EmbeddedPostgres(layout.local / "bench" / "postgres")
    with screen.step("Start a PostgreSQL"):
        _end(server)
        server.start()
    try:
        yield Bench(layout, server, screen, full, events)
    finally:
        _end(server)


def _end(server: EmbeddedPostgres) -> None:
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)
