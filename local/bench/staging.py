"""Staging: JSON lines into a typed table, compared with COPY of ready rows."""

from collections.abc import Iterator
from pathlib import Path

import psycopg

from local.bench.bench import RUN_ID, WHOLE_RANGE, Bench, BenchSource
from local.bench.measure import Case, Comparison, Run, run_once
from local.bench.rows import fingerprint
from local.simulator import World
from local.terminal.errors import UserError
from sparkify.staging.names import staging_table

FAULTS = ("broken=0.004", "wrong-types=0.003", "nul=0.003")

CSV = "CSV COPY of ready rows"
FLOOR = "binary COPY of ready rows"
CLEAN = "sparkify, clean files"
DAMAGED = "sparkify, 1 % of the lines damaged"

STAGED = staging_table(RUN_ID, "staging_events")
READY = "ready_rows"


def run(bench: Bench) -> Iterator[Comparison]:
    """Stage half a million events and, in a full benchmark, four million."""
    yield _compare(bench, bench.events)
    if bench.full:
        yield _compare(bench, 4_000_000)


def _compare(bench: Bench, events: int) -> Comparison:
    clean, damaged = (bench.source(_world(events, faults)) for faults in ((), FAULTS))
    uri = bench.database("staging")
    stage = "local.bench.loader:stage"
    arguments = {"run_id": RUN_ID, "task": "stage_events", **WHOLE_RANGE}
    clean_case = Case(CLEAN, stage, arguments, bench.airflow("staging", clean.folder))
    damaged_case = Case(DAMAGED, stage, arguments, bench.airflow("staging", damaged.folder))
    with bench.screen.step("Preparing ready rows"):
        make = "local.bench.loader:create_tables"
        run_once(Case("the tables", make, environment=clean_case.environment))
        run_once(clean_case)
        wanted = fingerprint(uri, STAGED)
        binary, csv = (_exported(bench, uri, form) for form in ("binary", "csv"))
    floor = "local.bench.floor:copy_rows"
    ready = {"uri": uri, "like": "staging_events", "table": READY}

    def check(case: Case, run: Run) -> None:
        if case.name == DAMAGED:
            _check_rejects(bench, uri, damaged, run)
        elif fingerprint(uri, STAGED if case.name == CLEAN else READY) != wanted:
            raise UserError(f"{case.name} loaded the wrong rows.")

    return bench.compare(
        f"Staging {clean.lines:,} events",
        [
            Case(FLOOR, floor, ready | {"file": str(binary), "form": "binary"}),
            Case(CSV, floor, ready | {"file": str(csv), "form": "csv"}),
            clean_case,
            damaged_case,
        ],
        check,
    )


def _world(events: int, faults: tuple[str, ...]) -> World:
    return World(users=events // 25, songs=1000, events=events, faults=faults)


def _exported(bench: Bench, uri: str, form: str) -> Path:
    """Export the staged rows with the server's COPY."""
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
    [[rejects]] = bench.rows(
        uri,
        "select count(*) from rejected_rows "
        "where line_number is not null and reason is not null and resolved_by is null",
    )
    if not rejects == run.outcome["rejects"] == source.damaged:
        raise UserError(f"{source.damaged} lines are damaged, but {rejects} are reported.")
