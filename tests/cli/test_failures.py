"""What keeps a command from its work is a sentence, without a traceback or a secret."""

from argparse import Namespace

import pytest
from sqlalchemy import create_engine

from sparkify.cli import failures
from sparkify.cli.failures import command, explain_warehouse_errors
from sparkify.cli.request import Refused
from sparkify.cli.screen import Screen
from sparkify.warehouse import session, warehouse_hook
from tests.support.warehouse import Warehouse

NOWHERE = "/nowhere/that/a/server/listens"


@command
def asking(args: Namespace, screen: Screen) -> int:
    """Answer with what it is given."""
    screen.print("asked")
    return int(args.status)


@pytest.mark.usefixtures("airflow")
@pytest.mark.parametrize("status", [0, 1])
def test_a_command_ends_with_its_status(status: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        asking(Namespace(subcommand="asking", status=status, verbose=False))
    assert ended.value.code == status
    assert capsys.readouterr().out == "asked\n"


def test_without_airflows_database_it_says_how_to_start_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dead = create_engine(f"postgresql+psycopg2://airflow:s3cret@/airflow?host={NOWHERE}")
    monkeypatch.setattr(failures, "create_session", dead.connect)
    with pytest.raises(SystemExit) as ended:
        asking(Namespace())
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "Airflow's metadata database cannot be queried: " in said.err
    assert "start it with `make run`" in said.err
    assert "s3cret" not in said.err
    assert "Traceback" not in said.err


def test_without_the_warehouse_it_says_where_that_should_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_SPARKIFY_WAREHOUSE",
        f'{{"conn_type": "postgres", "host": "{NOWHERE}", "login": "x", "password": "s3cret"}}',
    )
    with pytest.raises(Refused) as refusal, explain_warehouse_errors():
        warehouse_hook().get_records("select 1")
    assert "The warehouse cannot be queried: " in str(refusal.value)
    assert "start it with `make run`" in str(refusal.value)
    assert "s3cret" not in str(refusal.value)


def test_a_session_with_the_warehouse_that_cannot_be_opened_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", f"postgres:///?host={NOWHERE}")
    with (
        pytest.raises(Refused, match=r"cannot be reached: (.|\n)*start it with `make run`"),
        explain_warehouse_errors(),
        session(warehouse_hook()),
    ):
        pass


def test_a_warehouse_of_an_older_schema_is_told_to_be_one(warehouse: Warehouse) -> None:
    warehouse.client.execute("drop view hour_states cascade")
    with (
        pytest.raises(Refused, match=r"hour_states(.|\n)*run the DAG sparkify_schema"),
        explain_warehouse_errors(),
    ):
        warehouse_hook().get_records("select * from hour_states")
