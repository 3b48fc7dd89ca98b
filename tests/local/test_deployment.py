"""What ``make run`` is made of: its files, its processes, its manners."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from local.api.follow import last_errors
from local.deployment.credentials import credentials
from local.deployment.environment import env_file, environment, process_environment
from local.deployment.layout import Layout
from local.deployment.lock import single_instance, stop_holder
from local.deployment.ports import choose_port, is_free
from local.deployment.run import Options, choose_bi_port
from local.deployment.services import Services
from local.deployment.source import ended_long_ago, print_span, read_span, source_url
from local.redshift.server import connection
from local.servers.postgres import EmbeddedPostgres
from local.servers.s3 import Storage
from local.terminal.errors import UserError
from local.terminal.signals import Interrupted, defer_signals, handle_signals
from sparkify.settings import DEFAULTS
from tests.support.environment import let_the_server_pass
from tests.support.sources import Bucket

# A process that starts another which leaves its process group, as Airflow's tasks do.
FAMILY = """
import os, signal, subprocess, sys, time
child = "import time, signal; {deaf}; print('child', flush=True); time.sleep(60)"
subprocess.Popen([sys.executable, "-c", child], process_group=0)
{deaf}
time.sleep(60)
"""
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    services = Services(tmp_path / "processes.json", tmp_path / "logs")
    yield services
    services.stop(patience=0)


def start_family(services: Services, deaf: bool = False) -> list[psutil.Process]:
    program = FAMILY.format(deaf=DEAF if deaf else "pass")
    services.start("family", [sys.executable, "-c", program], dict(os.environ))
    until(lambda: "child" in services.log("family").read_text())
    parent = psutil.Process(json.loads(services.record.read_text())[0]["pid"])
    return [parent, *parent.children()]


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    def lives(process: psutil.Process) -> bool:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)

    return [process for process in processes if lives(process)]


class TestServices:
    def test_end_with_all_they_started(self, services: Services) -> None:
        family = start_family(services)
        assert len(alive(family)) == 2

        services.stop()

        assert alive(family) == []
        assert not services.any()

    def test_are_killed_if_they_do_not_listen(self, services: Services) -> None:
        family = start_family(services, deaf=True)

        services.stop(patience=0.3)

        assert alive(family) == []

    def test_are_ended_by_the_next_program_too(self, services: Services) -> None:
        family = start_family(services)

        Services(services.record, services.logs).stop()

        assert alive(family) == []

    def test_leave_children_that_are_found_without_their_parent(self, services: Services) -> None:
        parent, child = start_family(services)
        parent.kill()
        parent.wait()
        assert alive([child])

        Services(services.record, services.logs).stop()

        assert alive([child]) == []

    @pytest.mark.parametrize("leader_lives", [True, False])
    def test_are_not_mistaken_for_later_processes_of_the_same_number(
        self, services: Services, tmp_path: Path, leader_lives: bool
    ) -> None:
        program = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"
        program += "; import time; time.sleep(60)"
        command = [sys.executable, "-c", program]
        with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE) as leader:
            assert leader.stdout
            child = psutil.Process(int(leader.stdout.readline()))
            if not leader_lives:
                leader.kill()
                leader.wait()
            gone = {"name": "gone", "pid": leader.pid, "started": time.time() - 86400}
            services.record.write_text(json.dumps([gone | {"folder": str(tmp_path)}]))

            services.stop(patience=0.3)

            assert alive([child])
            assert leader_lives == (leader.poll() is None)
            leader.kill()
            child.kill()

    def test_that_end_by_themselves_are_trouble_with_their_last_words(
        self, services: Services
    ) -> None:
        services.start("scheduler", [sys.executable, "-c", "raise SystemExit('no luck')"], {})

        def is_told() -> bool:
            services.check()
            return False

        with pytest.raises(UserError, match=r"(?s)scheduler exited unexpectedly.*no luck"):
            until(is_told)


class TestTheEnvironmentFile:
    @pytest.fixture
    def project(self, tmp_path: Path) -> Iterator[Path]:
        let_the_server_pass(tmp_path)
        # What shells and URLs stumble over.
        project = tmp_path / "it's 100% é"
        postgres = EmbeddedPostgres(project / ".local" / "postgres")
        postgres.start()
        yield project
        postgres.stop()

    @pytest.mark.parametrize("shell", [*filter(shutil.which, ["sh", "bash", "zsh"])])
    def test_reaches_the_warehouse_from_any_folder(self, project: Path, shell: str) -> None:
        layout = Layout(project)
        exported = exports(layout, source="file:///somewhere")
        file = layout.local / "env"
        file.write_text(env_file(exported, "it's $(touch here)\ntouch here"))
        EmbeddedPostgres(layout.local / "postgres").create_database(exported["PGDATABASE"])

        query = "select current_user || '@' || current_database()"
        said = subprocess.check_output(
            [shell, "-c", '. "$1" && psql -Atc "$2" && command -v airflow', shell, file, query],
            cwd="/",
            env={"PATH": os.defpath, "HOME": str(project)},
            text=True,
        )

        assert said.splitlines()[0].startswith("sparkify@sparkify_somewhere_")
        assert said.splitlines()[1].startswith(sys.prefix)

    def test_leads_every_source_to_a_database_of_its_own(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        layout = Layout(tmp_path)
        folders = [tmp_path / name for name in ("one/events", "two/events", "A B/é" + "x" * 99)]
        for folder in folders:
            folder.mkdir(parents=True)
            (folder / "file").touch()
        (tmp_path / "link").symlink_to(folders[0])
        monkeypatch.chdir(folders[1])
        named = [None, *map(str, folders), "s3://bucket/events", "s3://Bucket", "s3://bucket"]
        spelled = ["../../one/events/", f"{tmp_path}/link", folders[0].as_uri(), f"{folders[0]}//."]

        databases = [database(layout, source) for source in named]

        assert len(set(databases)) == len(named)
        assert databases[0].startswith("sparkify_simulated_")
        assert all(re.fullmatch("sparkify_[a-z0-9_]{10,45}", name) for name in databases)
        assert {database(layout, source) for source in spelled} == {databases[1]}
        assert database(layout, "s3://bucket/events/") == databases[4]

    def test_leads_psql_to_no_database_beside_a_warehouse_of_the_caller_s_own(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", "postgres://me@mine/dev")

        exported = exports(Layout(tmp_path), "s3://bucket")

        assert "PGDATABASE" not in exported
        assert "unset PGDATABASE" in env_file(exported, "s3://bucket")

    def test_sourced_in_the_caller_s_shell_is_not_taken_for_the_caller_s_own(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        layout = Layout(tmp_path)
        of_stand_in = {
            "AIRFLOW_CONN_SPARKIFY_WAREHOUSE": connection(5439, "secret", "sparkify"),
            "AIRFLOW_CONN_SPARKIFY_S3": Storage("http://127.0.0.1:1", "secret").connection(),
        }
        expected = exports(layout, "s3://two")
        for sourced in (exports(layout, "s3://one"), of_stand_in):
            for name, value in sourced.items():
                monkeypatch.setenv(name, value)

            assert exports(layout, "s3://two") == expected

    def test_takes_the_caller_s_connections_instead_of_the_embedded_ones(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", "redshift://me@cluster:5439/dev")
        monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_S3", "aws://?region_name=us-west-2")

        exported = exports(Layout(tmp_path), "s3://bucket")

        assert exported["AIRFLOW_CONN_SPARKIFY_WAREHOUSE"] == "redshift://me@cluster:5439/dev"
        assert exported["AIRFLOW_CONN_SPARKIFY_S3"] == "aws://?region_name=us-west-2"

    def test_has_every_setting_the_caller_s_before_the_default(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_LOOKBACK_MINUTES", "60")

        exported = exports(Layout(tmp_path), "s3://bucket")

        assert exported["AIRFLOW_VAR_SPARKIFY_SOURCE"] == "s3://bucket"
        assert exported["AIRFLOW_VAR_SPARKIFY_LOOKBACK_MINUTES"] == "60"
        assert {f"AIRFLOW_VAR_SPARKIFY_{name.upper()}" for name in DEFAULTS} <= set(exported)

    def test_has_everything_listen_on_this_machine_only(self, tmp_path: Path) -> None:
        exported = exports(Layout(tmp_path), "s3://bucket")

        assert exported["AIRFLOW__API__HOST"] == "127.0.0.1"
        assert "127.0.0.1" in process_environment(exported)["NO_PROXY"]


def database(layout: Layout, named: str | None) -> str:
    return exports(layout, source_url(named, layout.sample))["PGDATABASE"]


def exports(layout: Layout, source: str) -> dict[str, str]:
    secrets = credentials(layout.local / "credentials.json")
    postgres = EmbeddedPostgres(layout.local / "postgres")
    return environment(layout, secrets, postgres, 8080, source)


def test_secrets_are_made_once_and_are_the_owner_s_alone(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"

    made = credentials(file)

    assert credentials(file) == made
    assert file.stat().st_mode & 0o777 == 0o600
    assert credentials(tmp_path / "other.json") != made
    assert made.web_password not in repr(exports(Layout(tmp_path), "s3://bucket"))


class TestPorts:
    def test_a_named_port_that_is_taken_is_said_to_be(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]

            with pytest.raises(UserError, match=f"Port {port} is taken.*PORT={port + 1}"):
                choose_port(str(port))

    def test_a_named_port_that_is_free_is_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]

        assert choose_port(str(port)) == port

    def test_without_a_name_a_free_one_is_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            taken = listener.getsockname()[1]
            monkeypatch.setattr("local.deployment.ports.PREFERRED", [taken])

            port = choose_port(None)

            assert port != taken
            assert is_free(port)

    def test_that_of_bi_tools_is_chosen_by_name_alone(self, tmp_path: Path) -> None:
        layout = Layout(tmp_path)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]

            assert choose_bi_port(layout, "", port) is None
            with pytest.raises(UserError, match=f"Port {port} is taken.*BI_PORT={port + 1}"):
                choose_bi_port(layout, str(port), 8080)

        assert choose_bi_port(layout, str(port), 8080) == port
        with pytest.raises(UserError, match="is the web UI's port"):
            choose_bi_port(layout, str(port), port)

    @pytest.mark.parametrize("wanted", ["web", "0", "65536", "-1"])
    def test_what_is_no_port_is_said_to_be_none(self, wanted: str) -> None:
        with pytest.raises(UserError, match=f"PORT={wanted} is not a port"):
            choose_port(wanted)


class TestTheSource:
    def test_is_the_sample_without_a_name(self, tmp_path: Path) -> None:
        assert source_url(None, tmp_path / "sample") == (tmp_path / "sample").as_uri()
        assert source_url("", tmp_path / "sample") == (tmp_path / "sample").as_uri()

    def test_may_be_a_relative_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "my data").mkdir()
        (tmp_path / "my data" / "file").touch()
        monkeypatch.chdir(tmp_path)

        assert source_url("my data", tmp_path) == f"{tmp_path.as_uri()}/my%20data"

    def test_may_be_a_bucket(self, tmp_path: Path) -> None:
        assert source_url("s3://udacity-dend", tmp_path) == "s3://udacity-dend"

    @pytest.mark.parametrize(
        ("named", "message"),
        [
            ("/no/such/folder", "/no/such/folder does not exist"),
            ("https://example.com", "cannot be read: use a folder"),
        ],
    )
    def test_that_is_not_there_is_said_to_be_missing(
        self, tmp_path: Path, named: str, message: str
    ) -> None:
        with pytest.raises(UserError, match=message):
            source_url(named, tmp_path)

    def test_without_a_file_is_said_to_be_empty(self, tmp_path: Path) -> None:
        (tmp_path / "log_data").mkdir()

        with pytest.raises(UserError, match=r"is empty.*log_data/2018/11/2018-11-01-events.json"):
            source_url(str(tmp_path), tmp_path / "sample")

    def test_is_taken_for_ended_two_days_after_its_last_file(self) -> None:
        now = datetime.now(UTC)

        assert not ended_long_ago(now + timedelta(hours=5))
        assert not ended_long_ago(now - timedelta(hours=47))
        assert ended_long_ago(now - timedelta(hours=49))

    def test_is_repeated_in_a_command_that_can_be_pasted(self, tmp_path: Path) -> None:
        folder = tmp_path / "it's $HOME"
        options = Options(True, "8090", "relative", warehouse="redshift")
        shown = "for name in SPARKIFY_SOURCE PORT WAREHOUSE SCHEDULE; do printenv $name; done"

        command = options.command(folder.as_uri(), SCHEDULE="1")
        said = subprocess.check_output(
            ["sh", "-c", f"make() {{ {shown}; }}; {command}"], text=True, env={"PATH": os.defpath}
        )

        assert said.splitlines() == [folder.as_uri(), "8090", "redshift", "1"]
        assert Options(True, None, None).command("file:///simulated") == "make run"

    def test_without_events_is_said_to_have_none_and_what_is_there(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_PARTITION", "logs/%Y/%m-%d.json")
        (tmp_path / "log_data").mkdir()
        (tmp_path / "log_data/one.json").touch()
        print_span(tmp_path.as_uri())

        sentence = (
            r"holds no event files.*is 'logs/%Y/%m-%d.json'. "
            r"It holds files such as log_data/one.json"
        )
        with pytest.raises(UserError, match=sentence):
            read_span(f"a warning\n{capsys.readouterr().out}")


class TestOneRunAtATime:
    def test_a_second_one_is_told_of_the_first(self, tmp_path: Path) -> None:
        lock = tmp_path / "lock"
        with (
            single_instance(lock),
            pytest.raises(UserError, match=rf"already running here \(process {os.getpid()}\)"),
            single_instance(lock),
        ):
            pass

        with single_instance(lock):
            pass

    def test_the_first_is_ended_by_make_stop(self, tmp_path: Path) -> None:
        hold = "import sys, time; from pathlib import Path\n"
        hold += "from local.deployment.lock import single_instance\n"
        hold += "with single_instance(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
        root = Path(__file__).parents[2]
        command = [sys.executable, "-c", hold, str(tmp_path / "lock")]
        with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as holder:
            assert holder.stdout
            holder.stdout.readline()

            stop_holder(tmp_path / "lock")

            assert holder.wait() == -signal.SIGTERM


class TestInterruption:
    @pytest.fixture(autouse=True)
    def _usual_handlers(self) -> Iterator[None]:
        usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        handle_signals()
        yield
        for number, handler in usual.items():
            signal.signal(number, handler)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    def test_ends_the_work_at_once(self) -> None:
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGTERM)

    def test_waits_for_what_must_not_be_broken_off(self) -> None:
        done = []

        def work() -> None:
            with defer_signals():
                os.kill(os.getpid(), signal.SIGTERM)
                done.append("whole")

        with pytest.raises(Interrupted) as interruption:
            work()

        assert done == ["whole"]
        assert interruption.value.number == signal.SIGTERM


def test_a_task_s_last_error_is_the_exception_s_own_words(tmp_path: Path) -> None:
    log = tmp_path / "attempt=1.log"
    cause = {"exc_type": "UndefinedTable", "exc_value": 'relation "plays" does not exist'}
    lines = [
        {"level": "info", "event": "Running statement: select"},
        {"level": "error", "event": "Exception rendering Jinja template", "error_detail": [cause]},
        {"level": "info", "event": "::endgroup::"},
        {"level": "error", "event": "Task failed with exception", "error_detail": [cause]},
        {"level": "info", "event": "Task finished"},
    ]
    log.write_text("\n".join(map(json.dumps, lines)) + "\nnot JSON\n")

    assert last_errors(log) == 'UndefinedTable: relation "plays" does not exist'
    assert "before it started" in last_errors(tmp_path / "none.log")


def test_a_source_that_cannot_be_listed_is_a_sentence(bucket: Bucket) -> None:
    with pytest.raises(
        SystemExit, match=r"^s3://no-bucket cannot be listed: the bucket does not exist"
    ):
        print_span("s3://no-bucket/sparkify")
