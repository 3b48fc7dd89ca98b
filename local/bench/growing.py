"""A day's file that grows: its hours are loaded one by one, as scheduled runs do."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from local.bench.bench import Bench
from local.bench.measure import Case, Comparison, Run, compare, run_once
from local.bench.rows import STAR
from local.simulator import World
from local.terminal.errors import UserError

DAY = date(2018, 11, 1)


def run(bench: Bench) -> Iterator[Comparison]:
    """Load a day hour by hour: each reading goes on from the last one, or starts over."""
    users = bench.events // 25
    source = bench.source(World(start=DAY, days=1, users=users, songs=71, events=bench.events))
    folder = bench.folder / "growing"
    file = f"log_data/{DAY:%Y/%m/%Y-%m-%d}-events.json"
    environment = bench.airflow("growing", folder)
    uri = bench.database("growing")
    tables = Case("the tables", "local.bench.loader:create_tables", environment=environment)
    run_once(tables)
    seen: set[tuple[int, ...]] = set()

    def check(case: Case, run: Run) -> None:  # noqa: ARG001 - the measurements do not matter
        [row] = bench.rows(uri, STAR)
        seen.add(tuple(row))
        if len(seen) > 1:
            raise UserError(f"{case.name} loaded a different star schema: {seen}.")
        run_once(tables)

    whole = Case(
        "each hour reads the file from its start",
        "local.bench.loader:load_growing",
        {
            "day": str(DAY),
            "file": str(source.folder / file),
            "growing": str(folder / file),
            "warehouse": uri,
            "starts_over": True,
        },
        environment,
    )
    further = replace(
        whole,
        name="each hour reads on",
        arguments={**whole.arguments, "starts_over": False},
    )
    with bench.screen.step(f"A day of {source.events:,} events, hour by hour") as step:
        yield compare(
            f"24 runs of a day's file that grows to {source.events:,} events",
            [whole, further],
            times=1,
            check=check,
            report=step.show,
        )
    shutil.rmtree(folder, ignore_errors=True)
