"""Backfills of ``sparkify`` under a real scheduler, which everything else gets in the way of."""

import json
import os
import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from airflow.sdk import DAG
from rich.console import Console

from local.api.rest import ApiError
from local.deployment.deployment import AIRFLOW, Deployment
from local.deployment.load import SCHEMA_DAG, prepare
from local.deployment.load import run as run_once
from local.deployment.trial import trial
from local.servers.postgres import METADATA
from local.simulator import World, simulate
from local.terminal.errors import last_lines
from local.terminal.screen import Screen
from local.tools.pipeline import Pipeline
from tests.support.cli import Cli
from tests.support.environment import ROOT
from tests.support.sources import play
from tests.support.warehouse import Warehouse

# Generous: a machine may be slow, and may be busy with other things.
LIMIT = 600
START = datetime(2018, 11, 1, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAYTIME = 12
"""Hours with most of the day's events, which last until everything has been killed."""
# A process calls itself by its task's id once Airflow knows that the task runs.
TASK_TITLE = re.compile(r"airflow worker -- [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SERVICES = {
    "api-server": (AIRFLOW, "api-server"),
    "scheduler": ("local.deployment.scheduler", "--skip-serve-logs"),
    "dag-processor": (AIRFLOW, "dag-processor"),
}
# By default Airflow gives a silent scheduler 30 s, looks every 5 minutes for what it left, and
# waits 5 minutes for a silent task: right for what happens once a year, too long for a test.
IMPATIENT = {
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "40",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    # No file changes that would have to be read again.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
}


class Keeper:
    """
    A deployment with what looks after a real one: it starts again whatever has died.

    As systemd and containers do, it ends the rest of the family first. The workers of a dead
    scheduler share its database session, which would keep its locks for as long as they live.
    """

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.leaders: dict[str, int] = {}
        self.starts = 0
        self.cli: Cli | None = None

    def keep(self) -> None:
        if not self.deployment.postgres.is_running():
            self.deployment.postgres.start()
        for service, words in SERVICES.items():
            if not self.pids(service):
                self.end_family(service)
                self.starts += 1
                self.deployment.start(f"{service}-nr-{self.starts}", *words)
                [self.leaders[service]] = self.pids(service)

    def end_family(self, service: str) -> None:
        for pid in psutil.pids() if service in self.leaders else []:
            with suppress(ProcessLookupError):
                if os.getsid(pid) == self.leaders[service]:
                    os.kill(pid, signal.SIGKILL)

    def pids(self, service: str) -> list[int]:
        running = self.deployment.services.running().items()
        return [pid for name, pid in running if name.startswith(service)]

    def kill(self, victim: str, chance: random.Random) -> bool:
        """Kill it, if it is there; a worker is there while it works on a task."""
        if victim == "postgres":
            pids = list(filter(None, [self.deployment.postgres.pid()]))
        elif victim == "worker":
            return kill_worker(list(busy_tasks(self.pids("scheduler"))), chance)
        else:
            pids = self.pids(victim)
        with suppress(ProcessLookupError):
            if pids:
                os.kill(chance.choice(pids), signal.SIGKILL)
                return True
        return False

    def airflow(self, *arguments: str) -> None:
        if not self.cli:
            self.cli = Cli(self.deployment.environment)
        status, said = self.cli.call(*arguments)
        assert status == 0, said

    def trigger(self, run_id: str, **body: object) -> None:
        body = {"dag_run_id": run_id, "logical_date": None, **body}
        self.deployment.api.post("dags/sparkify/dagRuns", body)

    def ends(self, *run_ids: str) -> list[str]:
        """The states of runs, once all have ended."""

        def states() -> list[str]:
            runs = [f"dags/sparkify/dagRuns/{run_id}" for run_id in run_ids]
            return [self.deployment.api.get(run)["state"] for run in runs]

        wait(lambda: {"success", "failed"}.issuperset(states()))
        return states()

    def said(self) -> list[object]:
        """Where the tasks stand, and what each process said last."""
        query = "select task_id, state, count(*) from task_instance group by task_id, state"
        logs = self.deployment.services.logs
        last = {log.stem: last_lines(log.read_text(errors="replace")) for log in logs.glob("*.log")}
        return [self.ask(query), last]

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.deployment.postgres.uri(METADATA)) as client:
            return client.execute(query.encode(), values).fetchall()

    def recreate_tables(self) -> None:
        screen = Screen(Console(quiet=True))
        run_once(self.deployment, screen, SCHEMA_DAG, "Making the tables", {"recreate": True})

    def contents(self) -> dict[str, list[tuple[object, ...]]]:
        with psycopg.connect(self.warehouse_uri) as client:
            return Warehouse(client).contents()

    def warehouse(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.warehouse_uri) as client:
            return Warehouse(client).rows(query)

    @property
    def warehouse_uri(self) -> str:
        return self.deployment.postgres.uri(self.deployment.exported["PGDATABASE"])


def kill_worker(tasks: list[psutil.Process], chance: random.Random) -> bool:
    """
    Kill a task that has begun, or the process that looks after it.

    Not an idle one, which may hold the lock of the queue, and not one that has taken a task and not
    begun it: Airflow's LocalExecutor loses that task until the scheduler starts again. So it has to
    stand still before one looks whether its task is still at work.
    """
    with suppress(psutil.NoSuchProcess):
        if tasks:
            task = chance.choice(tasks)
            worker = task.parent()
            if worker and chance.random() < 0.5:
                worker.suspend()
                if task.status() == psutil.STATUS_ZOMBIE:
                    worker.resume()
                    return False
                worker.kill()
            else:
                task.kill()
            return True
    return False


def busy_tasks(schedulers: list[int]) -> Iterator[psutil.Process]:
    """The processes of tasks that have begun."""
    for scheduler in schedulers:
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process(scheduler).children(recursive=True):
                if TASK_TITLE.fullmatch(" ".join(process.cmdline()).strip()):
                    yield process


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chaos") / "source"
    simulate(folder, World(start=date(2018, 11, 1), days=1, users=60, songs=30))
    return folder


@pytest.fixture(scope="module")
def keeper(simulated: Path) -> Iterator[Keeper]:
    with trial(ROOT, simulated.parent / "deployment", str(simulated)) as deployment:
        deployment.exported |= IMPATIENT
        deployment.postgres.start()
        deployment.write_files()
        prepare(deployment, Screen(Console(quiet=True)))
        since = datetime.now(UTC)
        keeper = Keeper(deployment)
        keeper.keep()
        deployment.wait_until_ready([SCHEMA_DAG, "sparkify"], since)
        keeper.recreate_tables()
        deployment.api.patch("dags/sparkify", {"is_paused": False})
        yield keeper
        if keeper.cli:
            keeper.cli.end()


@pytest.fixture
def one_run(
    simulated: Path,
    new_warehouse: Callable[[], Warehouse],
    dags: dict[str, DAG],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[int], dict[str, list[tuple[object, ...]]]]:
    """What one range run of the first hours gives."""
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", simulated.as_uri())

    def contents(hours: int) -> dict[str, list[tuple[object, ...]]]:
        warehouse = new_warehouse()
        Pipeline(dags["sparkify"]).run(START.isoformat(), (START + hours * HOUR).isoformat())
        return warehouse.contents()

    return contents


def test_schedule_backfill_and_range_run_at_the_same_time(
    keeper: Keeper, one_run: Callable[[int], dict[str, list[tuple[object, ...]]]]
) -> None:
    day = {"start": START.isoformat(), "end": (START + 4 * HOUR).isoformat()}
    dates = ("--from-date", "2018-11-01T08:00", "--to-date", "2018-11-01T11:00")
    # Airflow's own command, which returns when the runs are created.
    at_once = ("--max-active-runs", "4")
    keeper.airflow("backfill", "create", "--dag-id", "sparkify", *dates, *at_once)
    body = {"logical_date": None, "conf": day}
    keeper.deployment.api.post("dags/sparkify/dagRuns", body)

    runs = wait_for_the_end(keeper, 6)

    assert {(kind, state) for kind, state, *_ in runs} == {
        ("backfill", "success"),
        ("manual", "success"),
        ("scheduled", "success"),
    }
    manual = next(run for run in runs if run[0] == "manual")
    others = [run for run in runs if run[0] == "backfill"]
    assert any(run[2] < manual[3] and manual[2] < run[3] for run in others), "None overlapped it."
    assert keeper.contents() == one_run(4)


def test_runs_by_hand_load_their_hour_and_can_be_cleared(keeper: Keeper, simulated: Path) -> None:
    day = simulated / "log_data/2018/11/2018-11-03-events.json"
    day.write_text("{broken\n")
    by_cli = ("dags", "trigger", "sparkify", "--logical-date", "2018-11-03T13:00:00Z")
    keeper.airflow(*by_cli, "--run-id", "by_cli")
    keeper.trigger("by_rest", logical_date="2018-11-03T10:30:00Z")
    keeper.trigger("half_a_range", conf={"start": "2018-11-03T10:00:00Z"})
    for wrong in ("yesterday", "2018-11-03T10:00:00+25:00", "2018-11-03T10:00 Europe/Berlin"):
        with pytest.raises(ApiError, match="Invalid input for param start") as answer:
            keeper.trigger("refused", conf={"start": wrong, "end": "2018-11-04"})
        assert answer.value.status == 400
    assert keeper.ends("by_cli", "by_rest", "half_a_range") == ["failed"] * 3
    assert "A range run needs both params" in open_lines(keeper, "half_a_range", "stage_events")

    # Before their deadline, each in another way.
    plays = [play("2018-11-03 10:15:00"), play("2018-11-03 13:20:00", itemInSession=1)]
    day.write_text("\n".join(map(json.dumps, plays)))
    clear = {"dry_run": False, "only_failed": False}
    task = {"dag_run_id": "by_rest", "task_ids": ["stage_events"], "include_downstream": True}
    keeper.deployment.api.post("dags/sparkify/clearTaskInstances", clear | task)
    hour = ("-s", "2018-11-03T13:00", "-e", "2018-11-03T13:00")
    keeper.airflow("dags", "backfill", "--reset-dagruns", *hour, "sparkify")
    assert keeper.ends("by_cli", "by_rest") == ["success"] * 2
    windows = "select run_id, window_start, window_end, plays_published from load_runs"
    assert keeper.warehouse(f"{windows} where run_id like 'by_%' order by run_id") == [
        ("by_cli", datetime(2018, 11, 3, 13), datetime(2018, 11, 3, 14), 1),
        ("by_rest", datetime(2018, 11, 3, 10), datetime(2018, 11, 3, 11), 1),
    ]

    # After it, and where there is none any more.
    keeper.ask("update deadline set deadline_time = now() - interval '1 hour' returning 1")
    wait(lambda: keeper.ask("select every(missed) from deadline") == [(True,)])
    for run_id in ("half_a_range", "by_rest"):
        keeper.deployment.api.post(f"dags/sparkify/dagRuns/{run_id}/clear", clear)
    assert keeper.ends("half_a_range", "by_rest") == ["failed", "success"]


def open_lines(keeper: Keeper, run_id: str, task_id: str) -> str:
    """What the log of a task's first try shows as long as nobody unfolds a group."""
    tries = f"dags/sparkify/dagRuns/{run_id}/taskInstances/{task_id}/logs"
    depth, lines = 0, []
    for entry in keeper.deployment.api.get(f"{tries}/1")["content"]:
        event = entry["event"]
        depth = max(0, depth + event.startswith("::group::") - event.startswith("::endgroup::"))
        lines += [] if depth else [json.dumps(entry)]
    return "\n".join(lines)


def test_whatever_is_killed_a_backfill_ends_and_the_tables_are_right(
    keeper: Keeper, one_run: Callable[[int], dict[str, list[tuple[object, ...]]]]
) -> None:
    chance = random.Random(20181101)  # noqa: S311 - the same moments every time
    victims = ["worker", "scheduler", "postgres"] * 2
    chance.shuffle(victims)
    before = len(keeper.ask("select 1 from dag_run where dag_id = 'sparkify'"))
    keeper.recreate_tables()
    body = {
        "dag_id": "sparkify",
        "from_date": START.isoformat(),
        "to_date": (START + (DAYTIME - 1) * HOUR).isoformat(),
        "reprocess_behavior": "completed",
        "max_active_runs": 4,
    }
    create_backfill(keeper, body)
    for victim in victims:
        pause = time.monotonic() + chance.uniform(0.5, 4)
        while time.monotonic() < pause or not keeper.kill(victim, chance):
            assert not has_ended(keeper), f"The backfill ended before this was killed: {victim}"
            time.sleep(0.1)

    runs = wait_for_the_end(keeper, max(before, DAYTIME))

    assert {(kind, state) for kind, state, *_ in runs if kind == "backfill"} == {
        ("backfill", "success")
    }
    assert keeper.contents() == one_run(DAYTIME)


def wait(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def create_backfill(keeper: Keeper, body: dict[str, object]) -> None:
    # Airflow looks only every 30 s whether the one before, whose runs have ended, has.
    keeper.ask("update backfill set completed_at = now() where completed_at is null returning 1")
    keeper.deployment.api.post("backfills", body)


def has_ended(keeper: Keeper) -> bool:
    query = "select 1 from dag_run where dag_id = 'sparkify' and state in ('queued', 'running')"
    with suppress(psycopg.OperationalError):
        keeper.keep()
        return not keeper.ask(query)
    return False


def wait_for_the_end(keeper: Keeper, least: int) -> list[tuple[Any, ...]]:
    """Kind, state, start and end of all runs, once there are enough and all have ended."""
    deadline = time.monotonic() + LIMIT
    query = "select run_type, state, start_date, end_date from dag_run where dag_id = 'sparkify'"
    while True:
        with suppress(psycopg.OperationalError):
            keeper.keep()
            runs = keeper.ask(query)
            if len(runs) >= least and all(run[1] in ("success", "failed") for run in runs):
                return runs
        assert time.monotonic() < deadline, f"After {LIMIT} s: {runs}; {keeper.said()}"
        time.sleep(0.5)
