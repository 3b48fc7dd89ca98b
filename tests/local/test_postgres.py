"""The embedded PostgreSQL: starts from nothing, outlives its starter, and stops for good."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege

from local.deployment.ports import free_port
from local.servers.postgres import HOST, METADATA, READER, SOCKET_NAME, USER, EmbeddedPostgres
from local.servers.programs import GROUPS, bin_folder
from local.terminal.errors import UserError
from tests.support.environment import let_the_server_pass

PR_SET_CHILD_SUBREAPER = 36
ROOT = Path(__file__).parents[2]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    let_the_server_pass(tmp_path)
    server = EmbeddedPostgres(tmp_path / "it's 100% é")
    yield server
    server.stop()


def ask(server: EmbeddedPostgres, sql: str, database: str = METADATA) -> object:
    with psycopg.connect(server.uri(database)) as connection:
        row = connection.execute(sql).fetchone()
        return row[0] if row else None


def is_gone(pid: int) -> bool:
    # Where nothing reaps orphans, the dead stay in the list of processes.
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_it_starts_from_nothing_with_every_database_in_utf_8(server: EmbeddedPostgres) -> None:
    server.start()
    server.create_database('it\'s "one"', "loaded from 'a' folder")
    server.create_database('it\'s "one"', "loaded from another")

    assert server.is_running()
    comment = (
        "select shobj_description(oid, 'pg_database') from pg_database where datname like 'it%'"
    )
    assert ask(server, comment) == "loaded from another"
    for database in (METADATA, 'it\'s "one"'):
        assert ask(server, "show server_encoding", database) == "UTF8"
    assert str(ask(server, "show server_version")).startswith("18.")
    assert ask(server, "select upper('é') || lower('Ø')") == "Éø"


def test_it_is_reached_by_its_owner_s_socket_only(server: EmbeddedPostgres) -> None:
    server.start()

    assert ask(server, "show listen_addresses") == ""
    assert server.socket_folder.stat().st_mode & 0o007 == 0


def reader(server: EmbeddedPostgres, **other: str) -> psycopg.Connection[Any]:
    """Connect as a BI tool does."""
    fields = {"host": HOST, "dbname": "warehouse", "user": READER, "password": "right"} | other
    return psycopg.connect(
        make_conninfo(**fields, port=server.tcp_port, connect_timeout=10), autocommit=True
    )


@pytest.fixture
def open_server(server: EmbeddedPostgres) -> EmbeddedPostgres:
    """A server on TCP, with a play in its warehouse."""
    server.tcp_port = free_port()
    server.start()
    server.create_database("warehouse")
    with psycopg.connect(server.uri("warehouse")) as client:
        client.execute("create table songplays as select 'Undo' as song_title")
    server.admit_reader("warehouse", "right")
    return server


def test_a_bi_tool_reads_over_tcp_and_only_reads(open_server: EmbeddedPostgres) -> None:
    with psycopg.connect(open_server.uri("warehouse")) as client:
        # A view that the next release brings.
        client.execute("create view readable_songplays as select * from songplays")
    with reader(open_server) as client:
        for name in (b"songplays", b"readable_songplays"):
            assert client.execute(b"select song_title from " + name).fetchall() == [("Undo",)]
        for statement in (
            b"insert into songplays values ('mine')",
            b"delete from songplays",
            b"drop table songplays",
            b"create table mine (id integer)",
            b"copy songplays to program 'cat'",
        ):
            with pytest.raises(InsufficientPrivilege):
                client.execute(statement)


@pytest.mark.parametrize(
    "other",
    [{"password": "wrong"}, {"password": ""}, {"user": USER}, {"dbname": METADATA}],
    ids=str,
)
def test_nobody_else_gets_in_over_tcp(open_server: EmbeddedPostgres, other: dict[str, str]) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"password|rejects|no pg_hba.conf entry"):
        reader(open_server, **other)


def test_it_listens_on_this_machine_s_own_address_only(open_server: EmbeddedPostgres) -> None:
    pid = open_server.pid()
    assert pid is not None
    listening = [
        (one.laddr.ip, one.laddr.port)
        for one in psutil.Process(pid).net_connections("tcp")
        if one.status == psutil.CONN_LISTEN
    ]
    assert listening == [(HOST, open_server.tcp_port)]


def test_a_password_is_in_no_log_and_can_be_changed(open_server: EmbeddedPostgres) -> None:
    with psycopg.connect(open_server.uri("postgres"), autocommit=True) as client:
        client.execute("alter system set log_statement = 'all'")
        client.execute("select pg_reload_conf()")
    open_server.admit_reader("warehouse", "a new secret")

    with reader(open_server, password="a new secret"), pytest.raises(psycopg.OperationalError):
        reader(open_server)
    assert "alter role" in open_server.log.read_text()
    assert "a new secret" not in open_server.log.read_text()


def test_it_leaves_tcp_when_it_is_not_asked_for_again(open_server: EmbeddedPostgres) -> None:
    port = open_server.open_port()
    assert port == open_server.tcp_port
    pid = open_server.pid()
    open_server.start()
    assert open_server.pid() == pid
    # Who knows nothing of the port finds it by its socket, and stops it.
    closed = EmbeddedPostgres(open_server.folder)
    assert closed.is_running()

    closed.start()

    assert closed.open_port() is None
    assert ask(closed, "show listen_addresses") == ""
    with pytest.raises(psycopg.OperationalError, match="refused"):
        reader(open_server)


def test_starting_again_changes_nothing(server: EmbeddedPostgres) -> None:
    server.start()
    pid = server.pid()

    server.start()

    assert server.pid() == pid


def test_a_stopped_server_is_gone_and_keeps_its_data(server: EmbeddedPostgres) -> None:
    server.start()
    _make_plays(server)
    pid = server.pid()
    assert pid is not None

    server.stop()

    assert is_gone(pid)
    assert not server.is_running()
    server.start()
    assert ask(server, "select play from plays") == 42


def _make_plays(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.uri(METADATA)) as connection:
        connection.execute("create table plays as select 42 as play")


def test_an_open_session_does_not_keep_it_from_stopping(server: EmbeddedPostgres) -> None:
    server.start()
    with psycopg.connect(server.uri(METADATA)):
        server.stop(patience=5)

        assert not server.is_running()


def test_stopping_what_does_not_run_does_nothing(server: EmbeddedPostgres) -> None:
    server.stop()

    assert not server.folder.exists()


def test_it_outlives_the_process_that_started_it(server: EmbeddedPostgres) -> None:
    start = (
        "import sys; from pathlib import Path; from local.servers.postgres import EmbeddedPostgres;"
    )
    start += "EmbeddedPostgres(Path(sys.argv[1])).start()"
    # With pipes: a server that held them open would keep this call from returning.
    subprocess.run(
        [sys.executable, "-c", start, str(server.folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=60,
    )

    assert ask(server, "select 1") == 1


@pytest.fixture
def foster_parent() -> Iterator[None]:
    """Make orphans children of this process, which does not reap them."""
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    yield
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to who wants them")
@pytest.mark.parametrize("reaped", [True, False])
@pytest.mark.usefixtures("foster_parent")
def test_it_starts_again_after_it_was_killed(server: EmbeddedPostgres, reaped: bool) -> None:
    # In a container nobody may reap orphans, and PostgreSQL takes a dead server for a live one.
    server.start()
    _make_plays(server)
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | (0 if reaped else os.WNOWAIT))

    server.start()

    assert ask(server, "select play from plays") == 42
    assert is_gone(pid)


def test_a_cluster_half_made_is_made_anew(server: EmbeddedPostgres) -> None:
    unfinished = server.folder / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")

    server.start()

    assert ask(server, "select 1") == 1


def test_a_path_too_long_for_a_socket_gets_a_short_one(tmp_path: Path) -> None:
    let_the_server_pass(tmp_path)
    deep = tmp_path / ("a folder with a long name, as some have" * 3)
    server = EmbeddedPostgres(deep / "it's here")
    try:
        server.start()

        assert ask(server, "select 1") == 1
        assert server.socket_folder != server.folder
    finally:
        server.stop()
    assert not server.socket_folder.exists()


def test_a_stale_process_id_is_not_taken_for_the_server(server: EmbeddedPostgres) -> None:
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        server.data.mkdir(parents=True)
        (server.data / "postmaster.pid").write_text(f"{bystander.pid}\n")

        server.stop()

        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_failed_start_says_where_and_why(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.data / "global" / "pg_control").unlink()

    with pytest.raises(UserError, match=r"(?s)server.log ends with:.*pg_control"):
        server.start()


AS_NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs"]
only_as_root = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root may be somebody else"
)


@only_as_root
@pytest.mark.parametrize("deep", ["", "a folder with a long name, as some have" * 3])
def test_run_as_root_it_is_open_to_no_other_process_of_its_account(
    tmp_path: Path, deep: str
) -> None:
    let_the_server_pass(tmp_path)
    server = EmbeddedPostgres(tmp_path / deep / "postgres")
    server.start()
    try:
        pid = server.pid()
        assert psutil.Process(pid).username() == "nobody"
        psql = [str(bin_folder() / "psql"), "-h", str(server.socket_folder), "-U", "sparkify"]
        for attempt in (
            [*psql, "-Atc", "select 1", METADATA],
            ["ls", str(server.data)],
            ["ls", f"/proc/{pid}/cwd/"],
            ["cat", f"/proc/{pid}/environ"],
        ):
            refused = subprocess.run([*AS_NOBODY, *attempt], capture_output=True, text=True)
            assert refused.returncode != 0, refused.stdout
            assert "Permission denied" in refused.stderr
        # What sessions share with each other would lie about in /dev/shm otherwise.
        assert ask(server, "show dynamic_shared_memory_type") == "mmap"
        assert subprocess.check_output([*psql, "-Atc", "select 1", METADATA], text=True) == "1\n"
    finally:
        server.stop()


@only_as_root
def test_a_server_in_another_s_folder_is_not_taken_for_it(tmp_path: Path) -> None:
    let_the_server_pass(tmp_path)
    server = EmbeddedPostgres(tmp_path / ("a folder with a long name, as some have" * 3))
    server.socket_folder.mkdir()
    os.chown(server.socket_folder, 65534, 65534)
    try:
        with closing(socket.socket(socket.AF_UNIX)) as listener:
            listener.bind(str(server.socket_folder / SOCKET_NAME))
            listener.listen()

            assert not server.is_running()
            with pytest.raises(UserError, match="belongs to another user"):
                server.start()
    finally:
        shutil.rmtree(server.socket_folder)


@only_as_root
def test_closed_folders_above_it_are_opened_to_the_server_alone(tmp_path: Path) -> None:
    let_the_server_pass(tmp_path)
    folders = [tmp_path / "closed", tmp_path / "closed/too"]
    for folder in folders:
        folder.mkdir(mode=0o700)
    server = EmbeddedPostgres(folders[-1] / "postgres")
    try:
        server.start()

        for folder in folders:
            assert folder.stat().st_mode & 0o777 == 0o710
            assert folder.stat().st_gid == server.folder.stat().st_gid
            assert folder.stat().st_gid in GROUPS
    finally:
        server.stop()
