"""Staging: JSON lines into a typed table, beside what the database takes for ready rows."""

from collections.abc import Iterator
from pathlib import Path

import psycopg

from local.bench.bench import RUN_ID, WHOLE_RANGE, Bench, BenchSource
from local.bench.measure import Comparison, Run, Way, run_once
from local.bench.rows import fingerprint
from local.simulator import World
from local.terminal.errors import Trouble
from sparkify.staging.names import staging_table

DAMAGED = ("broken=0.004", "wrong-types=0.003", "nul=0.003")

CSV = "CSV COPY of ready rows"
FLOOR = "binary COPY of ready rows"
CLEAN = "sparkify, clean files"
SPOILED = "sparkify, 1 % of the lines damaged"

STAGED = staging_table(RUN_ID, "staging_events")
READY = "ready_rows"


def run(bench: Bench) -> Iterator[Comparison]:
    """Half a million events, and four million for whoever has the time."""
    yield _compare(bench, bench.events)
    if bench.full:
        yield _compare(bench, 4_000_000)


def _compare(bench: Bench, events: int) -> Comparison:
    clean, spoiled = (bench.source(_world(events, faults)) for faults in ((), DAMAGED))
    uri = bench.database("staging")
    stage = "local.bench.loader:stage"
    arguments = {"run_id": RUN_ID, "task": "stage_events", **WHOLE_RANGE}
    ours = Way(CLEAN, stage, arguments, bench.airflow("staging", clean.folder))
    damaged = Way(SPOILED, stage, arguments, bench.airflow("staging", spoiled.folder))
    with bench.screen.step("Ready rows for the floor"):
        make = "local.bench.loader:make_tables"
        run_once(Way("the tables", make, environment=ours.environment))
        run_once(ours)
        wanted = fingerprint(uri, STAGED)
        binary, csv = (_written(bench, uri, form) for form in ("binary", "csv"))
    floor = "local.bench.floor:copy_rows"
    ready = {"uri": uri, "like": "staging_events", "table": READY}

    def check(way: Way, run: Run) -> None:
        if way.name == SPOILED:
            _check_rejects(bench, uri, spoiled, run)
        elif fingerprint(uri, STAGED if way.name == CLEAN else READY) != wanted:
            raise Trouble(f"{way.name} left other rows than it should.")

    return bench.compare(
        f"Staging {clean.lines:,} events",
        [
            Way(FLOOR, floor, ready | {"file": str(binary), "form": "binary"}),
            Way(CSV, floor, ready | {"file": str(csv), "form": "csv"}),
            ours,
            damaged,
        ],
        check,
    )


def _world(events: int, faults: tuple[str, ...]) -> World:
    return World(users=events // 25, songs=1000, events=events, faults=faults)


def _written(bench: Bench, uri: str, form: str) -> Path:
    """The staged rows as the server itself writes them."""
    file = bench.server.folder / f"rows.{form}"
    statement = f"copy {STAGED} to stdout (format {form})".encode()
    with (
        psycopg.connect(uri) as client,
        client.cursor().copy(statement) as copy,
        file.open("wb") as stream,
    ):
        stream.writelines(copy)
    return file


def _check_rejects(bench: Bench, uri: str, source: BenchSource, run: Run) -> None:
    [[named]] = bench.rows(
        uri,
        "select count(*) from rejected_rows "
        "where line_number is not null and reason is not null and resolved_by is null",
    )
    if not named == run.outcome["rejects"] == source.damaged:
        raise Trouble(f"{source.damaged} lines are damaged, but {named} are named.")
