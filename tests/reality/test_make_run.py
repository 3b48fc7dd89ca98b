"""``make run`` as a person meets it: a real Airflow, from a copy of the project, by make alone."""

import json
import os
import pty
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from local.api.rest import AirflowApi, Document
from local.deployment.environment import read_env_file
from local.servers.programs import GROUPS
from local.simulator import World, simulate
from tests.support.environment import let_the_server_pass

ROOT = Path(__file__).parents[2]
PARTS = ("Makefile", "dags", "local", "plugins", "sql")
# Generous: a machine may be slow, and may be busy with other things.
LIMIT = 600


class Project:
    """A copy of the project with its own ``.local``, which borrows this Python environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
            copy(ROOT / part, folder / part)
        (folder / ".venv").symlink_to(sys.prefix)

    def start(
        self, *words: str, output: int = subprocess.PIPE, **variables: str
    ) -> subprocess.Popen[str]:
        # What make or this test run set would change what is tested.
        ours = ("AIRFLOW", "MAKE", "MFLAGS", "PYTHONPATH", "PG", "SPARKIFY", "ONCE", "PORT")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return subprocess.Popen(
            # The environment is there already: -o keeps make from making it.
            ["make", "-o", ".venv/installed", *words],
            cwd=self.folder,
            env=clean | variables,
            stdin=subprocess.DEVNULL if output == subprocess.PIPE else output,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # The first terminal that is opened by the leader of a session controls it.
            preexec_fn=None if output == subprocess.PIPE else lambda: os.close(opened(output)),
        )

    def make(self, *words: str, **variables: str) -> tuple[int, str]:
        started = self.start(*words, output=subprocess.PIPE, **variables)
        said, _ = started.communicate(timeout=LIMIT)
        return started.returncode, said

    def source_env(self, command: str) -> str:
        script = f". {self.folder}/.local/env && {command}"
        return subprocess.check_output(["bash", "-c", script], cwd="/", text=True)

    def processes(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if self._runs_here(process)]

    def _runs_here(self, process: psutil.Process) -> bool:
        try:
            return process.status() != psutil.STATUS_ZOMBIE and any(
                str(self.folder) in word for word in (process.cwd(), *process.cmdline())
            )
        except psutil.Error:
            return False


def opened(terminal: int) -> int:
    return os.open(os.ttyname(terminal), os.O_RDWR)


def read_terminal(terminal: int, words: str) -> str:
    said = ""
    deadline = time.monotonic() + LIMIT
    while words not in said:
        assert time.monotonic() < deadline, said
        said += os.read(terminal, 10_000).decode(errors="replace")
    return said.replace("\r", "")


def names(processes: list[psutil.Process]) -> set[str]:
    return {process.name() for process in processes}


def read_until(running: subprocess.Popen[str], pattern: str) -> str:
    assert running.stdout
    said = ""
    for line in running.stdout:
        said += line
        if re.search(pattern, line):
            return said
    raise AssertionError(f"It never said {pattern!r}:\n{said}")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("make_run")
    let_the_server_pass(folder)
    project = Project(folder / "sparkify")
    yield project
    project.make("stop")


@pytest.fixture(scope="module")
def public(real_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The public data set, and a line that is broken."""
    folder = tmp_path_factory.mktemp("public") / "data"
    shutil.copytree(real_source, folder, copy_function=shutil.copyfile)
    with (folder / "log_data/2018/11/2018-11-30-events.json").open("a") as file:
        file.write("\n{broken")
    return folder


@pytest.fixture(scope="module")
def broken_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("broken") / "source"
    simulate(folder, World(days=2, users=20, songs=10))
    for file in (folder / "log_data").rglob("*.json"):
        lines = file.read_text().split("\n")
        lines[::10] = ["{broken"] * len(lines[::10])
        file.write_text("\n".join(lines))
    return folder


def test_the_sample_is_loaded_and_served_until_its_terminal_is_closed(project: Project) -> None:
    ours, its = pty.openpty()
    serving = project.start("run", output=its)
    os.close(its)
    said = read_terminal(ours, "make report")

    assert "Most played songs" in said
    assert f"The source: simulated listening, in {project.folder}/.local/simulated" in said
    assert "The hourly schedule is off because the source ends on 2018-11-30" in said
    url, login = said.split("The web UI: ")[1].splitlines()[0].split(maxsplit=1)
    assert f"Charts of what users listen to: {url}/plugin/sparkify" in said
    user, password = login.strip("()").replace("user ", "").split(", password ")
    api = AirflowApi(url, user, password)
    assert api.get("dags/sparkify")["is_paused"] is False
    runs = api.get("dags/sparkify/dagRuns")["dag_runs"]
    assert [run["run_type"] for run in runs] == ["manual"], "nothing is scheduled"
    assert api.get("importErrors")["total_entries"] == 0
    assert listening_addresses(project) == {"127.0.0.1"}
    assert open_to_others(project.folder / ".local") == []
    assert [process for process in psutil.process_iter() if shows_a_secret(process, project)] == []

    status, told = project.make("run")
    assert status != 0
    assert "Another `make run` is already running here" in told

    os.close(ours)

    serving.wait(timeout=60)
    until_gone(project)


def open_to_others(folder: Path) -> list[Path]:
    """What others than this user, and the server that this user runs, may read, change or enter."""
    groups = {os.getgid(), *GROUPS}
    found = []
    for path in (folder, *folder.rglob("*")):
        state = path.lstat()
        if stat.S_ISLNK(state.st_mode) or stat.S_ISSOCK(state.st_mode):
            continue
        # The server has a group that nobody else is in.
        shared = 0o077 if state.st_gid == os.getgid() else 0o007
        if state.st_mode & shared or state.st_gid not in groups:
            found.append(path)
    return found


def shows_a_secret(process: psutil.Process, project: Project) -> bool:
    """Whether a secret of the project's is in what every user sees of a process."""
    secrets = json.loads((project.folder / ".local/credentials.json").read_text()).values()
    with suppress(psutil.Error):
        return any(secret in " ".join(process.cmdline()) for secret in secrets)
    return False


def listening_addresses(project: Project) -> set[str]:
    found: set[str] = set()
    for process in project.processes():
        # A task's may have ended meanwhile.
        with suppress(psutil.NoSuchProcess):
            connections = process.net_connections("inet")
            found |= {it.laddr.ip for it in connections if it.status == psutil.CONN_LISTEN}
    return found


def test_the_public_data_set_gives_its_known_counts_beside_a_source_that_fails(
    project: Project, public: Path, broken_source: Path
) -> None:
    # In a shell that reaches what was loaded before.
    sourced = read_env_file((project.folder / ".local/env").read_text())
    a_failed_load_says_which_task_why_and_where(project, broken_source)
    fingerprint = f"psql -d {sourced['PGDATABASE']} -Atc '{FINGERPRINT}'"
    before = project.source_env(fingerprint)
    assert len(before) == 33
    # However it is spelled.
    words = ("run", "ONCE=1", f"SPARKIFY_SOURCE={public}/.")
    interrupted_by_ctrl_c_it_leaves_nothing_running(project, words, sourced)
    said = its_lineage_and_its_metrics_are_heard(project, words, sourced)

    assert names(project.processes()) == {"postgres"}
    counts = [
        "(select count(*) from songplays)",
        "(select count(*) from users)",
        "(select count(*) from users where level = 'free')",
        "(select count(*) from users where level = 'paid')",
        "(select count(*) from songs)",
        "(select count(*) from artists)",
        "(select count(*) from time)",
        "(select count(song_id) from songplays)",
        "(select count(*) from songplays where song_title is null or artist_name is null)",
        "(select count(*) from rejected_rows)",
    ]
    expected = "6820|97|75|22|71|69|6813|1|0|1"
    assert project.source_env(f'psql -Atc "select {", ".join(counts)}"').strip() == expected
    assert "You're The One" in said
    assert f"The source: {public}\n" in said
    assert "2018-11-01 00:00 to 2018-12-01 00:00 UTC" in said
    assert re.search(r"songplays +│ +6,820 │", said)
    assert f"SPARKIFY_SOURCE={public.as_uri()} make run " in said
    assert project.source_env(fingerprint) == before
    status, told = project.make("report", SPARKIFY_SOURCE=str(broken_source))
    assert status != 0
    assert f"The source loaded here is {public}, not {broken_source}" in told
    assert "sparkify_schema" in project.source_env("airflow dags list")
    assert stat.S_IMODE((project.folder / ".local" / "env").stat().st_mode) == 0o600
    status, said = project.make("stop")
    assert (status, said) == (0, "Nothing of this project is running.\n")
    assert project.processes() == []
    a_report_can_be_taken_away(project)


def a_failed_load_says_which_task_why_and_where(project: Project, broken_source: Path) -> None:
    status, said = project.make("run", "ONCE=1", f"SPARKIFY_SOURCE={broken_source}")

    assert status != 0
    assert "The load failed" in said
    assert "audit_staged failed with:" in said
    assert "reject_share" in said
    log = Path(said.split("Its log: ")[1].splitlines()[0])
    assert "reject_share" in log.read_text()
    assert names(project.processes()) == {"postgres"}


def interrupted_by_ctrl_c_it_leaves_nothing_running(
    project: Project, words: tuple[str, ...], variables: dict[str, str]
) -> None:
    loading = project.start(*words, output=subprocess.PIPE, **variables)
    said = read_until(loading, r"UTC: \d+ of ")

    os.killpg(loading.pid, signal.SIGINT)
    rest, _ = loading.communicate(timeout=60)

    assert loading.returncode != 0
    assert "Interrupted. Nothing is left running" in rest, said + rest
    assert project.processes() == []


def its_lineage_and_its_metrics_are_heard(
    project: Project, words: tuple[str, ...], variables: dict[str, str]
) -> str:
    """Load, listening, and return what is said meanwhile."""
    events = project.folder / "events.json"
    transport = {"type": "file", "log_file_path": str(events), "append": True}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.setblocking(False)
        told = {
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(statsd.getsockname()[1]),
            "AIRFLOW__METRICS__METRICS_ALLOW_LIST": "^sparkify",
        }
        status, said = project.make(*words, **(variables | told))
        assert status == 0, said
        they_say_what_was_loaded(project, events, heard(statsd))
    return said


def they_say_what_was_loaded(project: Project, events: Path, metrics: dict[str, float]) -> None:
    """From the tasks of a real Airflow, each of which is a process of its own."""
    completed = [
        event
        for event in map(json.loads, events.read_text().splitlines())
        if event["eventType"] == "COMPLETE"
    ]
    tasks = {event["job"]["name"].partition(".")[2] for event in completed}
    assert {"stage_events", "load_songplays", "check_quality", "describe_tables"} <= tasks
    # The provider parses a statement itself, and asks for a schema, where a task states nothing.
    assert {task for task in tasks if ".query." in task} <= {"drop_tables.query.1"}
    # The load that was interrupted may have gone on for a while.
    ended = "select run_id from load_runs where ended_at is not null"
    runs = project.source_env(f"psql -Atc '{ended}'").splitlines()
    songplays = sum(
        one["outputFacets"]["outputStatistics"]["rowCount"]
        for event in completed
        for one in event["outputs"]
        if event["job"]["name"] == "sparkify.load_songplays"
        and run_of(event) in runs
        and one["name"].endswith(".public.songplays")
    )
    asked = (
        "select sum(staged), sum(rejected), sum(plays_published) from load_runs "
        "where ended_at is not null"
    )
    staged, rejected, plays = project.source_env(f'psql -AtF" " -c "{asked}"').split()
    assert songplays == int(plays) == metrics["airflow.sparkify.plays_published"]
    assert metrics["airflow.sparkify.rows_staged"] == int(staged)
    assert metrics["airflow.sparkify.rejects"] == int(rejected) > 0
    assert metrics["airflow.sparkify.checks_failed"] == 0
    assert metrics["airflow.sparkify.stage_seconds"] > 0


def run_of(event: Document) -> str:
    """The DAG run that an event is of."""
    return str(event["run"]["facets"].get("airflow", {}).get("dagRun", {}).get("run_id"))


def heard(statsd: socket.socket) -> dict[str, float]:
    """The metrics that have arrived, by name; counters are added up."""
    found: dict[str, float] = {}
    with suppress(BlockingIOError):
        while True:
            name, value = statsd.recv(1 << 16).decode().split(":")
            found[name] = found.get(name, 0) + float(value.partition("|")[0])
    return found


def a_report_can_be_taken_away(project: Project) -> None:
    """Of what was loaded, though nothing runs any more; and nothing does after it."""
    status, said = project.make("report", "START=2018-11-15", "END=2018-11-15", "OUT=day.html")
    assert status == 0, said
    assert str(project.folder / "day.html") in said
    assert stat.S_IMODE((project.folder / "day.html").stat().st_mode) == 0o600
    assert "Bj\\u00f6rk" in (project.folder / "day.html").read_text()
    assert project.processes() == []
    status, said = project.make("report", "START=yesterday")
    assert status != 0
    assert "START=yesterday is not a date" in said


FINGERPRINT = "select md5(string_agg(songplays::text, chr(10) order by songplay_id)) from songplays"


def test_what_a_killed_run_left_behind_is_ended_by_make_stop(project: Project) -> None:
    starting = project.start("run", "ONCE=1")
    read_until(starting, "Starting Airflow")
    runner = psutil.Process(int((project.folder / ".local" / "lock").read_text()))
    runner.kill()
    starting.communicate(timeout=60)
    assert project.processes() != []

    assert project.make("stop")[0] == 0

    assert project.processes() == []


def test_no_port_and_no_source_are_said_before_anything_starts(project: Project) -> None:
    project.make("stop")

    status, said = project.make("run", "PORT=web")
    assert status != 0
    assert "PORT=web is not a port" in said
    status, said = project.make("run", "SPARKIFY_SOURCE=nowhere")
    assert status != 0
    assert f"{project.folder}/nowhere does not exist" in said
    assert project.processes() == []


def test_too_old_a_python_is_said_to_be(tmp_path: Path) -> None:
    project = Project(tmp_path / "sparkify")
    (project.folder / ".venv").unlink()
    for name in ("pyproject.toml", "requirements.txt", "requirements-dev.txt", "constraints.txt"):
        shutil.copy2(ROOT / name, project.folder)
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
    old.chmod(0o755)

    said = subprocess.run(
        ["make", "run", f"PYTHON={old}"], cwd=project.folder, capture_output=True, text=True
    )

    assert said.returncode != 0
    assert "is too old (Python 3.9.2): Python 3.11 or newer is needed" in said.stdout


def test_make_clean_ends_and_removes_everything(tmp_path: Path) -> None:
    let_the_server_pass(tmp_path)
    project = Project(tmp_path / "sparkify")
    starting = project.start("run", "ONCE=1")
    read_until(starting, "Creating Airflow's database …")

    status, said = project.make("clean")

    assert status == 0, said
    starting.communicate(timeout=60)
    until_gone(project)
    assert {path.name for path in project.folder.iterdir()} == set(PARTS)
    assert Path(sys.prefix).exists()


def until_gone(project: Project) -> None:
    deadline = time.monotonic() + 10
    while project.processes() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert project.processes() == []
