"""Whoever wants to know of failures is told, by the connections that are there."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from sparkify.runs import alerts
from tests.support.warehouse import Warehouse

SCHEDULED = {
    "dag_run_id": "scheduled__1",
    "run_type": "scheduled",
    "state": "running",
    "data_interval_start": "2018-11-15T10:00:00Z",
    "data_interval_end": "2018-11-15T11:00:00Z",
}


def context(run_id: str = "run", dag_id: str = "sparkify") -> Any:
    error = ValueError("reject_share: it is 0.05 {{ conn.sparkify_warehouse.password }} <b>")
    return {
        "task_instance": SimpleNamespace(
            dag_id=dag_id, task_id="audit_staged", log_url="http://here/log"
        ),
        "run_id": run_id,
        "exception": error,
    }


def begin(warehouse: Warehouse) -> None:
    warehouse.client.execute(
        "insert into load_runs (run_id, window_start, window_end, began_at) "
        "values ('run', '2018-11-15 10:00', '2018-11-15 11:00', now())"
    )


def test_without_connections_a_failure_is_noted_and_nobody_is_told(warehouse: Warehouse) -> None:
    begin(warehouse)
    alerts.failed(context())
    assert warehouse.rows("select failed_task, failed_at is not null from load_runs") == [
        ("audit_staged", True)
    ]


def test_a_failure_of_another_dag_is_announced_and_is_none_of_a_load(
    warehouse: Warehouse, slack: list[Any]
) -> None:
    begin(warehouse)
    alerts.failed(context(dag_id="sparkify_schema"))
    assert len(slack) == 1
    assert warehouse.column("select failed_at from load_runs") == [None]


def test_a_failure_is_told_by_mail_in_its_own_words(warehouse: Warehouse, mail: list[str]) -> None:
    alerts.failed(context())
    [message] = mail
    assert "To: data@example.org" in message
    assert "Subject: Sparkify: audit_staged failed" in message
    import email

    [part] = [part for part in email.message_from_string(message).walk() if not part.is_multipart()]
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    text = payload.decode()
    assert "reject_share: it is 0.05" in text
    # What is quoted is neither a template nor HTML.
    assert "{{ conn.sparkify_warehouse.password }} &lt;b&gt;" in text
    assert "http://here/log" in text


def test_a_failure_is_told_to_a_channel(warehouse: Warehouse, slack: list[Any]) -> None:
    alerts.failed(context())
    [message] = slack
    assert "audit_staged of run failed.\nreject_share: it is 0.05 {{ conn" in message["text"]


def test_a_way_that_is_broken_stops_neither_the_others_nor_the_note(
    warehouse: Warehouse, slack: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(warehouse)
    monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_MAIL", '{"conn_type": "smtp", "host": "nowhere"}')
    alerts.failed(context())
    assert len(slack) == 1
    assert warehouse.column("select failed_task from load_runs") == ["audit_staged"]


def test_a_late_hour_of_the_schedule_is_told_of_once_and_a_backfill_is_not(
    slack: list[Any],
) -> None:
    asyncio.run(alerts.late({"dag_run": SCHEDULED | {"run_type": "backfill"}}))
    asyncio.run(alerts.late({"dag_run": SCHEDULED | {"state": "failed"}}))
    asyncio.run(alerts.late({"dag_run": SCHEDULED}))
    [message] = slack
    assert "scheduled__1, for 2018-11-15T10:00:00Z to 2018-11-15T11:00:00Z" in message["text"]
