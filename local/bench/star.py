"""Files to star: the operators, called in process, beside DuckDB in a file of its own."""

from collections.abc import Iterator

from local.bench.bench import WHOLE_RANGE, Bench
from local.bench.measure import Comparison, Run, Way, run_once
from local.bench.others import python_of_others
from local.bench.rows import STAR
from local.simulator import World
from local.terminal.errors import Trouble

DUCKDB = "DuckDB, its own file, primary keys"
OURS = "sparkify, all tasks of a range run"
NOTE = (
    "Beyond the five tables, sparkify keeps every user event, level spells, rejects and a ledger, "
    "and checks all of it."
)


def run(bench: Bench) -> Iterator[Comparison]:
    """The whole job, into an empty warehouse every time."""
    source = bench.source(World(users=bench.events // 25, songs=1000, events=bench.events))
    uri = bench.database("star")
    environment = bench.airflow("star", source.folder)
    tables = Way("the tables", "local.bench.loader:make_tables", environment=environment)
    run_once(tables)
    others = python_of_others(bench)
    file = str(bench.server.folder.with_name("star.duckdb"))
    seen: set[tuple[int, ...]] = set()

    def check(way: Way, run: Run) -> None:
        if way.name == DUCKDB:
            seen.add(tuple(run.outcome["rows"]))
        else:
            [row] = bench.rows(uri, STAR)
            seen.add(tuple(row))
            run_once(tables)
        if len(seen) > 1:
            raise Trouble(f"{way.name} made another star: {seen}.")

    yield bench.compare(
        f"Files to star, {source.lines:,} events, {source.songs:,} songs",
        [
            Way(
                DUCKDB,
                "local.bench.other_loaders:duckdb_star",
                {"folder": str(source.folder), "file": file},
                python=others,
            ),
            Way(OURS, "local.bench.loader:load", {"run_id": "star", **WHOLE_RANGE}, environment),
        ],
        check,
        note=NOTE,
    )
