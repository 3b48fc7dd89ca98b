"""
``airflow dags backfill`` as a person calls it: real CLI, scheduler, API server and executor.

They run under a path prefix, as behind a proxy that several services share, and so does the page.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import httpx
import psycopg
import pytest
from airflow.sdk import DAG
from playwright.sync_api import Browser, expect

from local.deployment.deployment import AIRFLOW
from local.deployment.environment import SOURCE_VARIABLE, WAREHOUSE_CONNECTION
from local.deployment.ports import free_port
from local.deployment.services import Services
from local.servers.databases import database
from local.servers.postgres import EmbeddedPostgres
from local.tools.pipeline import Pipeline
from tests.support.browser import Login, logged_in, opened
from tests.support.cli import Cli
from tests.support.environment import ROOT
from tests.support.sources import TestSource, play

START_LIMIT = 120.0

# A window fails while a file named by its hour exists, and lasts while one named ``hold`` does.
DAGS = """
import time
from datetime import UTC, datetime
from pathlib import Path

from airflow.sdk import DAG, CronDataIntervalTimetable, task
from airflow.sdk.exceptions import AirflowFailException

def hourly(name):
    with DAG(
        name,
        schedule=CronDataIntervalTimetable("@hourly", timezone="UTC"),
        start_date=datetime(2010, 1, 1, tzinfo=UTC),
        catchup=False,
        is_paused_upon_creation=False,
    ):
        @task
        def load(data_interval_start=None):
            folder = Path(__file__).parent
            while (folder / "hold").exists():
                time.sleep(0.1)
            if (folder / f"{data_interval_start:%H}").exists():
                raise AirflowFailException("This window is broken.")

        load()

hourly("quickly")
hourly("slowly")
"""


@dataclass
class Airflow:
    """A running Airflow with its own database and DAGs."""

    environment: dict[str, str]
    uri: str
    dags: Path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A call of the CLI in a process group of its own, as a shell makes it."""
        return subprocess.Popen(
            [sys.executable, "-m", "airflow", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )

    def call(self, *arguments: str) -> tuple[int, str]:
        """The exit status of a call, and what it said."""
        process = self.start(*arguments)
        said, _ = process.communicate(timeout=180)
        return process.returncode, said

    def value(self, query: str) -> object:
        """The one value of a query on the metadata database."""
        with psycopg.connect(self.uri) as connection:
            row = connection.execute(query.encode()).fetchone()
            return row[0] if row else None


@pytest.fixture(scope="module")
def metadata(server: EmbeddedPostgres, airflow: str) -> Iterator[str]:
    """The name of its metadata database."""
    with database(server, "airflow_of_backfills", like=airflow) as name:
        yield name


@pytest.fixture(scope="module")
def one_play(
    server: EmbeddedPostgres,
    empty_database: str,
    dags: dict[str, DAG],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """A warehouse that the page shows; its connection."""
    source = TestSource(tmp_path_factory.mktemp("one_play"))
    source.events(play("2018-11-15 10:00:00"))
    with (
        database(server, "one_play", like=empty_database) as name,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv(WAREHOUSE_CONNECTION, server.connection(name))
        patch.setenv(SOURCE_VARIABLE, source.url)
        Pipeline(dags["sparkify"]).run("2018-11-15", "2018-11-16")
        yield server.connection(name)


@pytest.fixture(scope="module")
def running(
    server: EmbeddedPostgres,
    metadata: str,
    one_play: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Airflow]:
    """The tests' Airflow, up and with its DAGs read."""
    home = tmp_path_factory.mktemp("backfills")
    uri = server.uri(metadata, "postgresql+psycopg2")
    warehouse = {WAREHOUSE_CONNECTION: one_play}
    made = Airflow(environment(home, uri) | warehouse, server.uri(metadata), home / "dags")
    made.dags.mkdir()
    (made.dags / "hourly.py").write_text(DAGS)
    services = Services(home / "processes.json", home / "logs")
    try:
        for name in ("api-server", "dag-processor"):
            services.start(name, [sys.executable, "-m", AIRFLOW, name], made.environment)
        scheduler = [sys.executable, "-m", AIRFLOW, "scheduler", "--skip-serve-logs"]
        services.start("scheduler", scheduler, made.environment)
        wait(lambda: is_up(made), services.check)
        yield made
    finally:
        services.stop()


@pytest.fixture(scope="module")
def console(running: Airflow) -> Iterator[Cli]:
    """What most tests call, beside that Airflow."""
    with Cli(running.environment) as made:
        yield made


def environment(home: Path, metadata: str) -> dict[str, str]:
    address = f"http://127.0.0.1:{(port := free_port())}/d123"
    return os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": "made up for a test",
        "AIRFLOW__API_AUTH__JWT_SECRET": "made up for a test, and long enough for a signature " * 2,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata,
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def is_up(running: Airflow) -> bool:
    beating = "select count(*) from job where job_type = 'SchedulerJob' and state = 'running'"
    return bool(running.value(beating) and running.value("select count(*) = 2 from serialized_dag"))


def wait(ready: Callable[[], bool], check: Callable[[], None] = lambda: None) -> None:
    deadline = time.monotonic() + START_LIMIT
    while not ready():
        check()
        assert time.monotonic() < deadline, "Airflow did not get ready"
        time.sleep(0.2)


def test_the_project_is_installed_where_airflow_is() -> None:
    names = [found.value for found in entry_points(group="apache_airflow_provider")]
    assert "sparkify.cli.provider:provider_info" in names, (
        "Airflow does not find the command: run `make test`, which installs the project into its "
        "environment, or `pip install --no-deps -e .` in this one."
    )


def test_help_shows_it_and_airflow_s_own_command_is_there(console: Cli) -> None:
    commands = ("dags --help", "dags backfill --help", "backfill create --help")
    dags, backfill, own = map(console.call, commands)
    assert [status for status, _ in (dags, backfill, own)] == [0, 0, 0]
    assert re.search(r"^ +backfill +Run a DAG for every interval", dags[1], re.MULTILINE)
    for option in ("--dry-run", "--rerun-failed-tasks", "--reset-dagruns", "--run-backwards"):
        assert option in backfill[1]


def test_a_failure_in_it_leaves_the_cli_whole(running: Airflow, tmp_path: Path) -> None:
    # Ahead of the project on the path, and broken as soon as its command is asked for.
    package = tmp_path / "sparkify" / "cli"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    whole = (ROOT / "plugins/sparkify/cli/provider.py").read_text()
    (package / "provider.py").write_text(whole)
    with Cli(running.environment | {"PYTHONPATH": str(tmp_path)}) as broken:
        listed, refused = map(broken.call, ("dags list --output plain", "dags backfill --help"))
    assert listed[0] == 0
    assert "quickly" in listed[1]
    assert refused[0] == 2


def test_a_backfill_is_followed_to_its_end(running: Airflow) -> None:
    status, said = running.call(
        "dags", "backfill", "-s", "2018-11-01", "-e", "2018-11-01T05:00", "quickly"
    )
    assert status == 0, said
    assert "quickly: 2018-11-01 00:00 to 2018-11-01 06:00 UTC, 6 runs, at most 4 at a time" in said
    assert "6 of 6 runs done" in said
    loaded = "select count(*) from dag_run where dag_id = 'quickly' and state = 'success'"
    assert running.value(f"{loaded} and run_type = 'backfill'") == 6


def test_failed_windows_are_named_and_run_again_alone(running: Airflow, console: Cli) -> None:
    command = ("dags", "backfill", "-s", "2018-11-03", "-e", "2018-11-03T05:00")
    broken = [running.dags / hour for hour in ("02", "04")]
    for hour in broken:
        hour.touch()
    status, said = console.call(*command, "quickly")
    assert status == 1, said
    assert "2 of 6 runs failed:" in said
    assert "2018-11-03 02:00 to 03:00  backfill__2018-11-03T03:00:00+00:00  failed: load" in said
    assert "2018-11-03 04:00 to 05:00  backfill__2018-11-03T05:00:00+00:00  failed: load" in said

    for hour in broken:
        hour.unlink()
    status, said = console.call(*command, "--rerun-failed-tasks", "quickly")
    assert status == 0, said
    tries = "select string_agg(try_number::text, '' order by run_id) from task_instance"
    assert running.value(f"{tries} where run_id like 'backfill__2018-11-03%'") == "112121"


def test_an_address_and_a_token_are_enough(running: Airflow, tmp_path: Path) -> None:
    url = running.environment["AIRFLOW__API__BASE_URL"]
    wait(lambda: answers(url))
    nowhere = "postgresql+psycopg2://nobody@127.0.0.1:1/nothing"
    secret = token(url, login(running))
    remote = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": nowhere,
        "AIRFLOW_CLI_TOKEN": secret,
        "PATH": os.environ["PATH"],
        "NO_PROXY": "127.0.0.1",
    }
    command = ("dags", "backfill", "--api-url", url, "-s", "2018-11-07", "-e", "2018-11-07T05:00")
    broken = running.dags / "02"
    again = f"-s 2018-11-07T02:00 -e 2018-11-07T02:00 --api-url {url} --rerun-failed-tasks quickly"
    broken.touch()
    with Cli(remote) as elsewhere:
        status, failed = elsewhere.call(*command, "quickly")
        assert status == 1, failed
        broken.unlink()
        status, said = elsewhere.call("dags", "backfill", *again.split())
        assert status == 0, said
    whole = "quickly: 2018-11-07 00:00 to 2018-11-07 06:00 UTC, 6 runs, at most 4 at a time"
    assert whole in failed
    window = "2018-11-07 02:00 to 03:00  backfill__2018-11-07T03:00:00+00:00  failed: load"
    assert window in failed
    assert f"airflow dags backfill {again}" in failed
    assert "The run succeeded" in said
    assert secret not in failed + said


def answers(url: str) -> bool:
    """Whether the API server is up, which the other tests need not wait for."""
    try:
        return httpx.get(f"{url}/api/v2/version", trust_env=False, timeout=60).is_success
    except httpx.TransportError:
        return False


def login(running: Airflow) -> Login:
    """The user that Airflow has made."""
    home = Path(running.environment["AIRFLOW_HOME"])
    passwords = (home / "simple_auth_manager_passwords.json.generated").read_text()
    return Login(*next(iter(json.loads(passwords).items())))


def token(url: str, user: Login) -> str:
    """What a user's calls carry."""
    sent = {"username": user.user, "password": user.password}
    answer = httpx.post(f"{url}/auth/token", json=sent, trust_env=False, timeout=60)
    return str(answer.raise_for_status().json()["access_token"])


def test_the_navigation_leads_to_the_page(browser: Browser, running: Airflow) -> None:
    url = running.environment["AIRFLOW__API__BASE_URL"]
    wait(lambda: answers(url))
    with logged_in(browser, f"{url}/", login(running)) as page:
        frame = opened(page)
        expect(frame.locator("#loaded")).to_contain_text("1 plays by 1 users")
        assert httpx.URL(page.frames[-1].url).path == "/d123/sparkify/"


def test_it_goes_on_after_ctrl_c_and_a_second_one_is_refused(
    running: Airflow, console: Cli
) -> None:
    command = ("dags", "backfill", "-s", "2018-11-05", "-e", "2018-11-05T09:00")
    hold = running.dags / "hold"
    hold.touch()
    first = running.start(*command, "slowly")
    at_work = "select count(*) from task_instance where dag_id = 'slowly' and state = 'running'"
    wait(lambda: bool(running.value(at_work)))
    first.send_signal(signal.SIGINT)
    said, _ = first.communicate(timeout=30)
    assert first.returncode == 130, said
    number = running.value("select max(id) from backfill")
    assert f"backfill {number} continues" in said

    status, said = console.call("dags", "backfill", "-s", "2018-12-01", "slowly")
    assert status == 1
    assert f"Backfill {number} of slowly is active" in said
    hold.unlink()

    status, said = console.call(*command, "slowly")
    assert status == 0, said
    assert "10 of 10 runs done" in said
    assert running.value("select max(id) from backfill") == number
