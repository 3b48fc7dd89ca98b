"""The closing screen: what this load loaded, from where, and what can be done with it."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from local.deployment.closing import show_loaded, show_serving, show_stopped
from local.deployment.deployment import Deployment
from local.deployment.layout import Layout
from local.deployment.load import Span
from local.deployment.ports import free_port
from local.deployment.run import Options, choose_bi_port
from local.deployment.warehouse import ask
from local.servers.postgres import EmbeddedPostgres
from local.terminal.errors import UserError
from local.terminal.screen import Screen
from local.tools.pipeline import Pipeline
from tests.support.environment import let_the_server_pass
from tests.support.sources import TestSource, play, song, visit
from tests.support.warehouse import Warehouse

FIRST_DAY = Span(datetime(2018, 11, 5, tzinfo=UTC), datetime(2018, 11, 6, tzinfo=UTC))


@pytest.fixture
def screen() -> Screen:
    return Screen(Console(file=io.StringIO(), width=120))


def shown(screen: Screen) -> str:
    assert isinstance(screen.console.file, io.StringIO)
    return screen.console.file.getvalue()


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(Layout(tmp_path / "a project"), 8123, "file:///listening/it%27s%20mine")


def test_what_was_loaded_is_what_this_load_loaded(
    deployment: Deployment,
    screen: Screen,
    server: EmbeddedPostgres,
    warehouse: Warehouse,
    pipeline: Pipeline,
    source: TestSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")
    source.events(
        play("2018-11-05 10:00:00", userId="1"),
        visit("2018-11-05 11:00:00", userId="2", level="paid"),
        play("2018-11-06 10:00:00", userId="3", song="Tomorrow"),
    )
    source.songs(song("SO1"))
    with (source.root / "log_data/2018/11/2018-11-05-events.json").open("a") as file:
        file.write("\n{broken")
    pipeline.run("2018-11-05", "2018-11-07")
    exported = deployment.exported | {
        "PGHOST": str(server.socket_folder),
        "PGDATABASE": warehouse.client.info.dbname,
        "AIRFLOW_VAR_SPARKIFY_SOURCE": source.url,
    }

    loaded = ask(exported, FIRST_DAY)

    assert loaded.rows == {"songplays": 1, "users": 2, "songs": 1, "artists": 1, "time": 1}
    assert (loaded.matched, loaded.listeners, loaded.rejected) == (1, 1, 1)
    assert loaded.levels == {"free": 1, "paid": 1}
    assert "Tomorrow" not in str(loaded.most_played)
    show_loaded(screen, deployment, loaded, FIRST_DAY)
    assert "The source: /listening/it's mine" in shown(screen)
    assert "1 free, 1 paid; 1 without a play" in shown(screen)
    assert ask(exported | {"AIRFLOW_VAR_SPARKIFY_SOURCE": "s3://another"}, FIRST_DAY).rejected == 0


@pytest.mark.parametrize("scheduled", [True, False])
def test_what_is_served_is_said_with_where_and_whether_it_goes_on(
    deployment: Deployment, screen: Screen, scheduled: bool
) -> None:
    options = Options(False, "8123", "it's mine")
    span = Span(FIRST_DAY.start, FIRST_DAY.end, scheduled)

    show_serving(screen, deployment, options.command, span)

    said = shown(screen)
    assert "Charts of what users listen to: http://127.0.0.1:8123/plugin/sparkify" in said
    assert ("The hourly schedule is on." in said) == scheduled
    again = "SPARKIFY_SOURCE=file:///listening/it%27s%20mine PORT=8123 SCHEDULE=1 make run"
    assert ("is off because the source ends on 2018-11-05" in said) == (not scheduled)
    assert (f"To turn it on: {again}\n" in said) == (not scheduled)
    assert f"cd '{deployment.layout.root}'" in said
    assert f"psql query the warehouse, {deployment.database} " in " ".join(said.split())


def test_bi_tools_are_told_where_to_connect_and_where_the_password_is(
    tmp_path: Path, screen: Screen
) -> None:
    let_the_server_pass(tmp_path)
    deployment = Deployment(Layout(tmp_path), 8123, "s3://bucket", bi_port=free_port())
    deployment.postgres.start()
    try:
        deployment.create_warehouse()
        deployment.create_warehouse()
        # PostgreSQL still has it, as after ONCE=1.
        port = deployment.postgres.tcp_port
        assert choose_bi_port(deployment.layout, str(port), 8123) == port
    finally:
        deployment.postgres.stop()

    options = Options(True, None, "s3://bucket", bi_port="5433")
    show_stopped(screen, deployment, options.command)

    file = tmp_path / ".local/reader-password"
    assert file.stat().st_mode & 0o777 == 0o600
    said = " ".join(shown(screen).split())
    assert f"port {deployment.postgres.tcp_port}, database {deployment.database}," in said
    assert "user sparkify_bi, whose password is in" in said
    assert "reader-password" in said
    assert file.read_text().strip() not in said
    assert "SPARKIFY_SOURCE=s3://bucket BI_PORT=5433 make run " in said


def test_a_warehouse_of_one_s_own_is_not_opened_to_bi_tools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", "postgres://me@mine/dev")
    with pytest.raises(UserError, match="BI_PORT opens the embedded warehouse"):
        Deployment(Layout(tmp_path), 8123, "s3://bucket", bi_port=5433)


def test_a_warehouse_of_one_s_own_is_not_to_be_asked_by_psql(
    tmp_path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", "postgres://me@mine/dev")
    deployment = Deployment(Layout(tmp_path), 8123, "s3://bucket")

    show_stopped(screen, deployment, Options(True, None, "s3://bucket").command)

    assert "SPARKIFY_SOURCE=s3://bucket make run " in shown(screen)
    assert "psql" not in shown(screen)
