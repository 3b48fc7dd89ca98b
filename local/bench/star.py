"""Files to star schema: the operators in one process, compared with DuckDB."""

from collections.abc import Iterator

from local.bench.bench import WHOLE_RANGE, Bench
from local.bench.loader_environment import other_loaders_python
from local.bench.measure import Case, Comparison, Run, run_once
from local.bench.rows import STAR
from local.simulator import World
from local.terminal.errors import UserError

DUCKDB = "DuckDB, its own file, primary keys"
OURS = "sparkify, all tasks of a range run"
NOTE = (
    "Besides the five tables, sparkify keeps every user event, level spells, rejects and a ledger, "
    "and checks all of it."
)


def run(bench: Bench) -> Iterator[Comparison]:
    """Load everything into an empty warehouse."""
    source = bench.source(World(users=bench.events // 25, songs=1000, events=bench.events))
    uri = bench.database("star")
    environment = bench.airflow("star", source.folder)
    tables = Case("the tables", "local.bench.loader:create_tables", environment=environment)
    run_once(tables)
    others = other_loaders_python(bench)
    file = str(bench.server.folder.with_name("star.duckdb"))
    seen: set[tuple[int, ...]] = set()

    def check(case: Case, run: Run) -> None:
        if case.name == DUCKDB:
            seen.add(tuple(run.outcome["rows"]))
        else:
            [row] = bench.rows(uri, STAR)
            seen.add(tuple(row))
            run_once(tables)
        if len(seen) > 1:
            raise UserError(f"{case.name} loaded a different star schema: {seen}.")

    yield bench.compare(
        f"Files to star, {source.lines:,} events, {source.songs:,} songs",
        [
            Case(
                DUCKDB,
                "local.bench.other_loaders:duckdb_star",
                {"folder": str(source.folder), "file": file},
                python=others,
            ),
            Case(OURS, "local.bench.loader:load", {"run_id": "star", **WHOLE_RANGE}, environment),
        ],
        check,
        note=NOTE,
    )
