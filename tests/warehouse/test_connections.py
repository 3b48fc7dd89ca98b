"""How connections to the warehouse are opened: who logs in, and when they end by themselves."""

import json
import os
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redshift_connector
from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from botocore.client import BaseClient
from botocore.validate import ParamValidator
from redshift_connector import error as redshift_error

from local.redshift.server import RedshiftServer
from sparkify.operators.warehouse import ExecuteSQLOperator
from sparkify.warehouse import UnreachableError, engine, session, warehouse_hook
from tests.support.environment import ROOT
from tests.support.warehouse import Warehouse

CONNECTION = "AIRFLOW_CONN_SPARKIFY_WAREHOUSE"
TIMEOUT = "AIRFLOW_VAR_SPARKIFY_STATEMENT_TIMEOUT_MINUTES"
PASSWORD, IAM, SERVERLESS = (
    written
    for written in re.findall(r"```json\n(.*?)\n```", (ROOT / "docs/redshift.md").read_text(), re.S)
    if '"redshift"' in written
)

ANSWERS = {
    "GetClusterCredentials": {"DbUser": "IAM:loader", "DbPassword": "for an hour"},
    "GetCredentials": {"dbUser": "IAMR:sparkify-airflow", "dbPassword": "for an hour"},
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, dict[str, Any]]]:
    """What is asked of AWS's API, and with whose key."""
    requests = []

    def answer(client: Any, operation: str, parameters: dict[str, Any]) -> dict[str, str]:
        shape = client.meta.service_model.operation_model(operation).input_shape
        assert not ParamValidator().validate(parameters, shape).has_errors()
        requests.append((client._request_signer._credentials.access_key, operation, parameters))
        return ANSWERS[operation]

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)
    default = {"login": "AKIAOFAIRFLOW", "password": "s3cret"}
    extra = {"region_name": "eu-west-1"}
    monkeypatch.setenv(
        "AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", **default, "extra": extra})
    )
    return requests


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    """Opens a connection; returns what Redshift's driver would connect to, as whom."""

    def connect(written: str) -> dict[str, Any]:
        made: list[dict[str, Any]] = []
        monkeypatch.setattr(redshift_connector, "Connection", lambda **how: made.append(how))
        monkeypatch.setenv(CONNECTION, written)
        hook = warehouse_hook()
        type(hook).get_conn.__wrapped__(hook)  # without the provider's retries
        return made[0]

    return connect


def test_a_login_with_a_password(opened: Callable[[str], dict[str, Any]], asked: list[Any]) -> None:
    how = opened(PASSWORD)
    assert (how["user"], how["password"]) == ("loader", "…")
    assert (how["host"], how["port"]) == (json.loads(PASSWORD)["host"], 5439)
    assert how["database"] == "dev"
    assert how["ssl"] is True
    assert asked == []


def test_a_login_to_a_cluster_with_iam(
    opened: Callable[[str], dict[str, Any]], asked: list[Any]
) -> None:
    how = opened(IAM)
    assert (how["user"], how["password"], how["port"]) == ("IAM:loader", "for an hour", 5439)
    assert how["ssl"] is True
    # Once, as Airflow's own connection: the driver would ask again, as the machine.
    assert asked == [
        (
            "AKIAOFAIRFLOW",
            "GetClusterCredentials",
            {
                "DbUser": "loader",
                "DbName": "dev",
                "ClusterIdentifier": "my-cluster",
                "AutoCreate": False,
            },
        )
    ]


def test_a_login_to_a_workgroup_with_iam(
    opened: Callable[[str], dict[str, Any]], asked: list[Any]
) -> None:
    how = opened(SERVERLESS)
    assert (how["user"], how["password"]) == ("IAMR:sparkify-airflow", "for an hour")
    assert (how["host"], how["port"]) == (json.loads(SERVERLESS)["host"], 5439)
    assert how["ssl"] is True
    [(key, operation, parameters)] = asked
    assert (key, operation) == ("AKIAOFAIRFLOW", "GetCredentials")
    assert parameters["workgroupName"] == "my-group"
    assert parameters["dbName"] == "dev"


@pytest.mark.parametrize(("written", "tls"), [("true", True), ("True", True), ("false", False)])
def test_tls_is_what_a_uri_says(
    written: str, tls: bool, opened: Callable[[str], dict[str, Any]]
) -> None:
    assert opened(f"redshift://loader:s3cret@my-cluster/dev?ssl={written}")["ssl"] is tls


def test_redshifts_driver_notices_a_dead_connection_unless_told_otherwise(
    opened: Callable[[str], dict[str, Any]],
) -> None:
    def keepalive(**extra: int) -> list[Any]:
        how = opened(json.dumps(json.loads(PASSWORD) | {"extra": extra}))
        assert how["tcp_keepalive"] is True
        return [how[f"tcp_keepalive_{name}"] for name in ("idle", "interval", "count")]

    assert keepalive() == [60, 10, 6]
    assert keepalive(tcp_keepalive_idle=200) == [200, 10, 6]


def parameters(monkeypatch: pytest.MonkeyPatch, **extra: Any) -> Any:
    """What libpq was told, besides its own defaults."""
    written = json.loads(os.environ[CONNECTION]) | {"extra": extra}
    monkeypatch.setenv(CONNECTION, json.dumps(written))
    with warehouse_hook().get_conn() as connection:
        return connection.info.get_parameters()


def test_libpq_notices_a_dead_connection_unless_told_otherwise(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = parameters(monkeypatch, keepalives_count=3)
    named = ("keepalives_idle", "keepalives_interval", "keepalives_count")
    assert [told.get(name) for name in named] == ["60", "10", "3"]


def timeout() -> Any:
    with session(warehouse_hook()) as cursor:
        cursor.execute("show statement_timeout")
        return cursor.fetchone()[0]


def test_a_statement_on_postgresql_has_an_hour(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timeout() == "1h"
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=7MB")
    told = parameters(monkeypatch)
    assert told["options"] == "-c statement_timeout=3600000 -c work_mem=7MB"
    told = parameters(monkeypatch, options="-c statement_timeout=5")
    assert told["options"].endswith("-c statement_timeout=5")


@pytest.mark.parametrize(
    ("minutes", "told"), [("0", "0"), ("1", "1min"), ("9999999", "2147483647ms")]
)
def test_the_variable_says_how_long(
    minutes: str, told: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TIMEOUT, minutes)
    assert timeout() == told


def test_no_timeout_is_nothing_to_tell_a_proxy_that_refuses_options(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TIMEOUT, "0")
    assert "options" not in parameters(monkeypatch)


def test_another_timeout_is_refused(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TIMEOUT, "an hour")
    with pytest.raises(
        AirflowFailException, match="sparkify_statement_timeout_minutes is 'an hour'"
    ):
        timeout()


def test_a_statement_on_redshift_has_an_hour_too(
    redshift_warehouse: Warehouse,
    redshift_server: RedshiftServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert timeout() == "1h"
    monkeypatch.setattr("sparkify.warehouse.statement_timeout", timedelta)
    before = len(redshift_server.statements)
    assert timeout() == "0"
    assert not [
        sent for sent in redshift_server.statements[before:] if sent.text.startswith("set ")
    ]


def waits_in_vain(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """A load waits for somebody who never ends, and is told what to do."""
    monkeypatch.setattr("sparkify.warehouse.statement_timeout", lambda: timedelta(milliseconds=300))
    with warehouse.client.transaction():
        warehouse.client.execute("lock table users")
        with (
            pytest.raises(AirflowException, match="sparkify_statement_timeout_minutes") as failed,
            session(warehouse_hook()) as cursor,
        ):
            cursor.execute("delete from users")
    assert "due to statement timeout" in str(failed.value)
    # What it waited for may be gone the next time.
    assert not isinstance(failed.value, AirflowFailException)


def test_an_endless_wait_on_postgresql_ends_with_a_sentence(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits_in_vain(warehouse, monkeypatch)


def test_an_endless_wait_on_redshift_ends_with_a_sentence(
    redshift_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits_in_vain(redshift_warehouse, monkeypatch)


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redshift's provider tries again at once."""
    monkeypatch.setattr(RedshiftSQLHook.get_conn.retry, "sleep", lambda _: None)


def in_a_session() -> None:
    with session(warehouse_hook()):
        pass


def in_a_task() -> None:
    ExecuteSQLOperator(task_id="look", sql="select 1").execute({})


@pytest.mark.usefixtures("no_patience")
@pytest.mark.parametrize("connect", [in_a_session, in_a_task])
@pytest.mark.parametrize(
    ("conn_type", "reason"),
    [
        ("postgres", r"connection failed: .*port 1 failed: .*refused"),
        ("redshift", r"communication error: .*refused"),
    ],
)
def test_a_warehouse_that_cannot_be_reached_is_named_with_what_to_do(
    conn_type: str, reason: str, connect: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {"host": "127.0.0.1", "port": 1, "schema": "music", "login": "loader"}
    written = json.dumps({"conn_type": conn_type, "password": "s3cret", **wrong})
    monkeypatch.setenv(CONNECTION, written)
    with pytest.raises(
        UnreachableError,
        match=r"sparkify_warehouse \(host 127\.0\.0\.1, port 1, database music\) cannot be "
        rf"reached: {reason}\. Check the connection, and run airflow sparkify doctor",
    ) as failed:
        connect()
    assert "s3cret" not in str(failed.value)
    assert "\n" not in str(failed.value)
    # It may be back the next time.
    assert not isinstance(failed.value, AirflowFailException)


@pytest.mark.usefixtures("no_patience")
def test_what_redshift_answers_to_a_wrong_login_is_passed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(**_: Any) -> None:
        answer = {"S": "FATAL", "C": "28000", "M": "password authentication failed", "R": "auth"}
        raise redshift_error.InterfaceError(answer)

    monkeypatch.setattr(redshift_connector, "Connection", refuse)
    monkeypatch.setenv(CONNECTION, "redshift://loader:s3cret@my-cluster")
    with pytest.raises(
        UnreachableError,
        match=r"\(host my-cluster, port by default, database by default\) cannot be reached: "
        r"password authentication failed\. Check",
    ):
        in_a_session()


@pytest.mark.parametrize("ask", [engine, warehouse_hook])
def test_a_connection_that_is_not_defined_is_told_to_be_so(
    ask: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CONNECTION, raising=False)
    with pytest.raises(
        AirflowFailException,
        match=r"sparkify_warehouse is not defined\..*AIRFLOW_CONN_SPARKIFY_WAREHOUSE.*"
        r"docs/deployment\.md",
    ):
        ask()
