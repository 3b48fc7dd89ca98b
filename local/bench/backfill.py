"""``make bench-backfill``: a backfill hour by hour, against tasks that do nothing."""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from local.api.rest import Refused
from local.bench.floor_dag import FLOOR
from local.deployment.deployment import Deployment
from local.deployment.load import DAG, SCHEMA_DAG, prepare, run, start_airflow
from local.deployment.trial import trial
from local.servers.postgres import METADATA
from local.terminal.errors import Trouble
from local.terminal.screen import Screen
from local.terminal.signals import Interrupted, listen

TARGET = 1.5
MOST_SLICES = 10
HOURS_OF_A_SLICE = 24
"""At least: where the runs begin and end, workers are idle."""
ACTIVE_RUNS = 4
"""At a time: what `airflow dags backfill` does unless told otherwise."""

COUNTS = """
select
    count(*) filter (where state in ('success', 'failed')),
    count(*) filter (where state = 'success'),
    extract(epoch from max(end_date) - min(start_date))
from dag_run where backfill_id = %(backfill)s
"""
# What the scheduler skips by itself has no process.
WORKED = """
select count(*) from task_instance
where pid is not null and run_id in (select run_id from dag_run where backfill_id = %(backfill)s)
    and dag_id = (select dag_id from backfill where id = %(backfill)s)
"""


@dataclass(frozen=True)
class Measured:
    """One backfill of some hours."""

    dag: str
    first: str
    runs: int
    tasks: int
    seconds: float
    cpu_seconds: float


@dataclass
class Figures:
    """All slices of one DAG."""

    slices: list[Measured] = field(default_factory=list)

    def total(self, name: str) -> float:
        """The sum of a figure over the slices."""
        return float(sum(getattr(measured, name) for measured in self.slices))

    @property
    def tasks_per_second(self) -> float:
        """Tasks that ran on a worker, by the time the backfills took."""
        return self.total("tasks") / self.total("seconds")


def main() -> int:
    """Measure, print, write the figures down; the exit status tells whether the target is met."""
    listen()
    screen = Screen.of_output()
    local = Path.cwd() / ".local"
    source, hours = os.environ.get("SPARKIFY_SOURCE"), os.environ.get("HOURS", "720")
    try:
        with trial(Path.cwd(), local / "bench-backfill", source) as deployment:
            figures = measure(deployment, screen, _hours(hours))
    except Trouble as trouble:
        screen.say(f"\n{trouble}")
        return 1
    except Interrupted as interruption:
        return 128 + interruption.number
    ratio = report(screen.console, figures)
    written = local / "bench-backfill.json"
    written.write_text(json.dumps(_document(figures, ratio), indent=2) + "\n")
    screen.say(f"All figures: {written}")
    return 0 if ratio <= TARGET else 1


def measure(deployment: Deployment, screen: Screen, hours: int) -> dict[str, Figures]:
    """Backfill both DAGs over the same hours, a slice of the one, a slice of the other."""
    with screen.live():
        with screen.step("Starting PostgreSQL"):
            deployment.postgres.start()
        start, end = start_with_floor(deployment, screen)
        hours = min(hours, int((end - start) / timedelta(hours=1)))
        # Whatever is slow the first time is no part of the measurement.
        run(deployment, screen, FLOOR, "Running the floor once", {})
        figures = {DAG: Figures(), FLOOR: Figures()}
        with screen.step(f"{hours} hours of {DAG}, and as many of {FLOOR}") as step:
            for number, (dag, first, last) in enumerate(_slices(start, hours)):
                step.show(f"{dag} from {first:%Y-%m-%d %H:%M}", number, 2 * _slice_count(hours))
                figures[dag].slices.append(_backfill(deployment, dag, first, last))
    return figures


def start_with_floor(deployment: Deployment, screen: Screen) -> tuple[datetime, datetime]:
    """Start Airflow with both DAGs, load the catalogue, and say which time the source spans."""
    deployment.write_files()
    prepare(deployment, screen)
    since = datetime.now(UTC)
    dags = deployment.layout.root / "dags"
    deployment.start(
        "floor", "local.bench.floor_dag", str(dags / f"{DAG}.py"), str(dags / f"{FLOOR}.py")
    )
    while not deployment.services.finished("floor"):
        time.sleep(0.1)
    span = start_airflow(deployment, screen, once=True)
    start, end = span.start, span.end
    deployment.wait_until_ready([FLOOR], since)
    run(deployment, screen, SCHEMA_DAG, "Making the tables", {})
    deployment.api.patch(f"dags/{FLOOR}", {"is_paused": False})
    conf = {"start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat()}
    run(deployment, screen, DAG, "Loading the catalogue", conf)
    return start, end


def _slices(start: datetime, hours: int) -> Iterator[tuple[str, datetime, datetime]]:
    """Which hours of which DAG come when: the one that goes first changes with every slice."""
    count = _slice_count(hours)
    cuts = [start + timedelta(hours=hours * number // count) for number in range(count + 1)]
    for number in range(count):
        both = (DAG, FLOOR) if number % 2 else (FLOOR, DAG)
        for dag in both:
            yield dag, cuts[number], cuts[number + 1] - timedelta(hours=1)


def _slice_count(hours: int) -> int:
    return max(1, min(MOST_SLICES, hours // HOURS_OF_A_SLICE))


def _backfill(deployment: Deployment, dag: str, first: datetime, last: datetime) -> Measured:
    cpu = _cpu_seconds(deployment)
    backfill = _create(deployment, dag, first, last)
    runs = int((last - first) / timedelta(hours=1)) + 1
    with psycopg.connect(deployment.postgres.uri(METADATA), autocommit=True) as client:
        done = 0
        while done < runs:
            time.sleep(0.5)
            deployment.services.check()
            [row] = client.execute(COUNTS, {"backfill": backfill}).fetchall()
            done, succeeded, seconds = row
        if succeeded < runs:
            raise Trouble(
                f"{runs - succeeded} of {runs} runs of {dag} failed, from {first} on: "
                "what was measured means nothing. `make verify` tells more of the source."
            )
        [[tasks]] = client.execute(WORKED, {"backfill": backfill}).fetchall()
    spent = _cpu_seconds(deployment) - cpu
    return Measured(dag, first.isoformat(), runs, tasks, float(seconds), spent)


def _create(deployment: Deployment, dag: str, first: datetime, last: datetime) -> int:
    body = {
        "dag_id": dag,
        "from_date": first.isoformat(),
        "to_date": last.isoformat(),
        "max_active_runs": ACTIVE_RUNS,
    }
    deadline = time.monotonic() + 60
    while True:
        try:
            return int(deployment.api.post("backfills", body)["id"])
        except Refused as answer:
            # Airflow looks every 30 s whether the one before has ended.
            if answer.status != 409 or time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def _cpu_seconds(deployment: Deployment) -> float:
    """What all processes of the deployment, the ended ones included, have used so far."""
    leaders = [*deployment.services.running().values(), deployment.postgres.pid()]
    found = {pid: psutil.Process(pid) for pid in leaders if pid}
    for process in list(found.values()):
        found |= {child.pid: child for child in process.children(recursive=True)}
    total = 0.0
    for process in found.values():
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def report(console: Console, figures: dict[str, Figures]) -> float:
    """Print both DAGs' figures side by side, and return the ratio of their times."""
    ours, floor = figures[DAG], figures[FLOOR]
    table = Table(title=f"{ours.total('runs'):.0f} hourly runs, {ACTIVE_RUNS} at a time")
    for heading in ("", DAG, "no-op tasks", "ratio"):
        table.add_column(heading, justify="right" if heading else "left")
    rows = {
        "tasks on workers": (ours.total("tasks"), floor.total("tasks"), "{:.0f}"),
        "seconds": (ours.total("seconds"), floor.total("seconds"), "{:.1f}"),
        "tasks a second": (ours.tasks_per_second, floor.tasks_per_second, "{:.2f}"),
        "CPU seconds a task": (
            ours.total("cpu_seconds") / ours.total("tasks"),
            floor.total("cpu_seconds") / floor.total("tasks"),
            "{:.3f}",
        ),
    }
    for name, (mine, least, form) in rows.items():
        table.add_row(name, form.format(mine), form.format(least), f"{mine / least:.2f}")
    console.print(table)
    ratio = ours.total("seconds") / floor.total("seconds")
    pairs = _pairs(ours.slices, floor.slices)
    console.print(
        f"The backfill takes {ratio:.2f} times what as many tasks take that do nothing "
        f"(target {TARGET}; by slices {min(pairs):.2f} to {max(pairs):.2f}, median "
        f"{median(pairs):.2f})."
    )
    return ratio


def _pairs(ours: Sequence[Measured], floor: Sequence[Measured]) -> list[float]:
    return [mine.seconds / least.seconds for mine, least in zip(ours, floor, strict=True)]


def _document(figures: dict[str, Figures], ratio: float) -> dict[str, object]:
    slices = {dag: [asdict(one) for one in its.slices] for dag, its in figures.items()}
    return {"ratio": ratio, "target": TARGET, "slices": slices}


def _hours(text: str) -> int:
    if not (text.isdigit() and int(text) > 0):
        raise Trouble(f"HOURS={text} is not a number of hours: 1 or more, 720 for a month.")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
