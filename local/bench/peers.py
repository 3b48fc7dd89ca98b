"""Peers: the same events loaded into typed PostgreSQL tables by other loaders."""

from collections.abc import Iterator

from local.bench.bench import RUN_ID, WHOLE_RANGE, Bench
from local.bench.loader_environment import other_loaders_python
from local.bench.measure import Case, Comparison, Run, run_once
from local.bench.rows import fingerprint
from local.simulator import World
from local.terminal.errors import UserError
from sparkify.staging.names import staging_table

STAGED = staging_table(RUN_ID, "staging_events")
NOTE = (
    "Slow loaders load some of the events; their time is scaled. docs/performance.md explains why "
    "sling and ingestr are left out."
)

# Loader, function, arguments and share of the events.
PEERS: tuple[tuple[str, str, dict[str, str], float], ...] = (
    ("dlt, Arrow and CSV, append", "dlt", {"disposition": "append"}, 1.0),
    ("dlt, Arrow and CSV, merge by key", "dlt", {"disposition": "merge"}, 1.0),
    ("text COPY, then JSON functions in SQL", "sql_only", {}, 0.2),
    ("pandas to_sql", "pandas", {}, 0.02),
    ("row by row, 71 songs", "row_by_row", {}, 0.002),
)


def run(bench: Bench) -> Iterator[Comparison]:
    """Load with each; all must leave the same rows as sparkify."""
    others = other_loaders_python(bench)
    uri = bench.database("peers")
    make = "local.bench.loader:create_tables"
    run_once(Case("the tables", make, environment=bench.airflow("peers", bench.folder)))
    wanted: dict[float, tuple[object, ...]] = {}
    cases: list[Case] = []
    for name, function, more, share in (("sparkify", "", {}, 1.0), *PEERS):
        events = round(bench.events * share)
        source = bench.source(World(users=max(100, events // 25), songs=71, events=events))
        ours = Case(
            "sparkify",
            "local.bench.loader:stage",
            {"run_id": RUN_ID, "task": "stage_events", **WHOLE_RANGE},
            bench.airflow("peers", source.folder),
        )
        if share not in wanted:
            run_once(ours)
            wanted[share] = fingerprint(uri, STAGED)
        if not function:
            cases.append(ours)
            continue
        cases.append(
            Case(
                name,
                f"local.bench.other_loaders:{function}",
                {"uri": uri, "folder": str(source.folder), "table": function, **more},
                python=others,
                work=share,
            )
        )

    def check(case: Case, run: Run) -> None:  # noqa: ARG001 - the result is in the table
        function = case.call.split(":")[1]
        table = {"stage": STAGED, "dlt": "dlt.events"}.get(function, function)
        if fingerprint(uri, table) != wanted[case.work]:
            raise UserError(f"{case.name} loaded different rows than sparkify.")

    yield bench.compare(f"Loading the same {bench.events:,} events with", cases, check, note=NOTE)
