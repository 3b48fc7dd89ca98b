"""``make bench-backfill``: compare an hourly backfill with no-op tasks."""

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

from local.api.rest import ApiError
from local.bench.floor_dag import FLOOR
from local.deployment.deployment import Deployment
from local.deployment.load import DAG, SCHEMA_DAG, prepare, run, start_airflow
from local.deployment.trial import trial
from local.servers.postgres import METADATA
from local.terminal.errors import UserError
from local.terminal.screen import Screen
from local.terminal.signals import Interrupted, handle_signals

TARGET = 1.5
MAX_SLICES = 10
MIN_SLICE_HOURS = 24
"""Short slices distort: workers idle at the beginning and end of each."""
ACTIVE_RUNS = 4
"""Concurrent runs, the default of `airflow dags backfill`."""

COUNTS = """
select
    count(*) filter (where state in ('success', 'failed')),
    count(*) filter (where state = 'success'),
    extract(epoch from max(end_date) - min(start_date))
from dag_run where backfill_id = %(backfill)s
"""
# Tasks that the scheduler skips have no process.
TASKS = """
select count(*) from task_instance
where pid is not null and run_id in (select run_id from dag_run where backfill_id = %(backfill)s)
    and dag_id = (select dag_id from backfill where id = %(backfill)s)
"""


@dataclass(frozen=True)
class Measured:
    """A measured backfill."""

    dag: str
    first: str
    runs: int
    tasks: int
    seconds: float
    cpu_seconds: float


@dataclass
class Figures:
    """The slices of a DAG."""

    slices: list[Measured] = field(default_factory=list)

    def total(self, name: str) -> float:
        """Return the sum of a figure over the slices."""
        return float(sum(getattr(measured, name) for measured in self.slices))

    @property
    def tasks_per_second(self) -> float:
        """Tasks run on workers per second of backfill."""
        return self.total("tasks") / self.total("seconds")


def main() -> int:
    """Measure, print and save; return an exit status that tells whether the target is met."""
    handle_signals()
    screen = Screen.on_stdout()
    local = Path.cwd() / ".local"
    source, hours = os.environ.get("SPARKIFY_SOURCE"), os.environ.get("HOURS", "720")
    try:
        with trial(Path.cwd(), local / "bench-backfill", source) as deployment:
            figures = measure(deployment, screen, _hours(hours))
    except UserError as error:
        screen.print(f"\n{error}")
        return 1
    except Interrupted as interruption:
        return 128 + interruption.number
    ratio = report(screen.console, figures)
    file = local / "bench-backfill.json"
    file.write_text(json.dumps(_document(figures, ratio), indent=2) + "\n")
    screen.print(f"Results: {file}")
    return 0 if ratio <= TARGET else 1


def measure(deployment: Deployment, screen: Screen, hours: int) -> dict[str, Figures]:
    """Backfill the same hours with both DAGs, in alternating slices."""
    with screen.live():
        with screen.step("Starting PostgreSQL"):
            deployment.postgres.start()
        start, end = start_with_floor(deployment, screen)
        hours = min(hours, int((end - start) / timedelta(hours=1)))
        # Warm up: the first run is slower.
        run(deployment, screen, FLOOR, "Warming up", {})
        figures = {DAG: Figures(), FLOOR: Figures()}
        with screen.step(f"Backfilling {hours} hours of {DAG} and of {FLOOR}") as step:
            for number, (dag, first, last) in enumerate(_slices(start, hours)):
                step.show(f"{dag} from {first:%Y-%m-%d %H:%M}", number, 2 * _slice_count(hours))
                figures[dag].slices.append(_backfill(deployment, dag, first, last))
    return figures


def start_with_floor(deployment: Deployment, screen: Screen) -> tuple[datetime, datetime]:
    """Start Airflow with both DAGs, load the catalogue, and return the source's time range."""
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
    run(deployment, screen, SCHEMA_DAG, "Creating the tables", {})
    deployment.api.patch(f"dags/{FLOOR}", {"is_paused": False})
    conf = {"start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat()}
    run(deployment, screen, DAG, "Loading the catalogue", conf)
    return start, end


def _slices(start: datetime, hours: int) -> Iterator[tuple[str, datetime, datetime]]:
    """Yield DAG, first and last hour of each backfill; the DAGs take turns going first."""
    count = _slice_count(hours)
    cuts = [start + timedelta(hours=hours * number // count) for number in range(count + 1)]
    for number in range(count):
        for dag in (DAG, FLOOR) if number % 2 else (FLOOR, DAG):
            yield dag, cuts[number], cuts[number + 1] - timedelta(hours=1)


def _slice_count(hours: int) -> int:
    return max(1, min(MAX_SLICES, hours // MIN_SLICE_HOURS))


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
            raise UserError(
                f"{runs - succeeded} of {runs} runs of {dag} failed, starting at {first}, so the "
                "results are useless. Check the source with `make verify`."
            )
        [[tasks]] = client.execute(TASKS, {"backfill": backfill}).fetchall()
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
        except ApiError as error:
            # Airflow takes up to 30 s to notice that the previous backfill has ended.
            if error.status != 409 or time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def _cpu_seconds(deployment: Deployment) -> float:
    """Return the CPU time of the deployment's processes, including exited ones."""
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
    """Print the figures of both DAGs and return the ratio of their times."""
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
        f"The backfill takes {ratio:.2f} times as long as the same number of no-op tasks "
        f"(target {TARGET}; per slice {min(pairs):.2f} to {max(pairs):.2f}, median "
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
        raise UserError(f"HOURS={text} is not a number of hours: use 1 or more, 720 for a month.")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
