"""Peers: the same events, typed, into PostgreSQL by other loaders."""

from collections.abc import Iterator

from local.bench.bench import RUN_ID, WHOLE_RANGE, Bench
from local.bench.measure import Comparison, Run, Way, run_once
from local.bench.others import python_of_others
from local.bench.rows import fingerprint
from local.simulator import World
from local.terminal.errors import Trouble
from sparkify.staging.names import staging_table

STAGED = staging_table(RUN_ID, "staging_events")
NOTE = (
    "Slow ones load a part of the events, and their time is that part's, scaled. sling and ingestr "
    "are left out: docs/performance.md says why."
)

# Loader, its function, its arguments, and the share of the events that it is given.
PEERS: tuple[tuple[str, str, dict[str, str], float], ...] = (
    ("dlt, Arrow and CSV, append", "dlt", {"disposition": "append"}, 1.0),
    ("dlt, Arrow and CSV, merge by key", "dlt", {"disposition": "merge"}, 1.0),
    ("text COPY, then JSON functions in SQL", "sql_only", {}, 0.2),
    ("pandas to_sql", "pandas", {}, 0.02),
    ("row by row, 71 songs", "row_by_row", {}, 0.002),
)


def run(bench: Bench) -> Iterator[Comparison]:
    """Each leaves the rows that sparkify leaves."""
    others = python_of_others(bench)
    uri = bench.database("peers")
    make = "local.bench.loader:make_tables"
    run_once(Way("the tables", make, environment=bench.airflow("peers", bench.folder)))
    wanted: dict[float, tuple[object, ...]] = {}
    ways: list[Way] = []
    for name, function, more, share in (("sparkify", "", {}, 1.0), *PEERS):
        events = round(bench.events * share)
        source = bench.source(World(users=max(100, events // 25), songs=71, events=events))
        ours = Way(
            "sparkify",
            "local.bench.loader:stage",
            {"run_id": RUN_ID, "task": "stage_events", **WHOLE_RANGE},
            bench.airflow("peers", source.folder),
        )
        if share not in wanted:
            run_once(ours)
            wanted[share] = fingerprint(uri, STAGED)
        if not function:
            ways.append(ours)
            continue
        ways.append(
            Way(
                name,
                f"local.bench.other_loaders:{function}",
                {"uri": uri, "folder": str(source.folder), "table": function, **more},
                python=others,
                work=share,
            )
        )

    def check(way: Way, run: Run) -> None:  # noqa: ARG001 - what counts is in the table
        function = way.call.split(":")[1]
        table = {"stage": STAGED, "dlt": "dlt.events"}.get(function, function)
        if fingerprint(uri, table) != wanted[way.work]:
            raise Trouble(f"{way.name} left other rows than sparkify.")

    yield bench.compare(f"The same {bench.events:,} events by", ways, check, note=NOTE)
