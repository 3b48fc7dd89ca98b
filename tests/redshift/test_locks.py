"""Runs at the same time on Redshift: none is lost, and nobody waits for a reader."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.redshift.isolation import SERIALIZABLE, SNAPSHOT
from local.redshift.server import Delays, RedshiftServer, Sent
from local.redshift.statements import Statement
from local.tools.pipeline import Pipeline
from local.tools.redshift_sql import count
from sparkify.warehouse import MUTEX, warehouse_hook
from tests.support.sources import Bucket, play, song, visit
from tests.support.warehouse import Warehouse

ROOT = Path(__file__).parents[2]
TEN = datetime(2018, 11, 15, 10)
HOURS = [TEN + timedelta(hours=number) for number in range(6)]
WINDOW = (HOURS[0].isoformat(), (HOURS[-1] + timedelta(hours=1)).isoformat())


@pytest.fixture
def filled(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Some hours with two users each, one song played in all of them, and a broken line."""
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "0.2")
    events = [
        record
        for number, hour in enumerate(HOURS)
        for record in (
            play(f"{hour:%Y-%m-%d %H}:10:00", itemInSession=number, song="BjÃ¶rk"),
            visit(f"{hour:%Y-%m-%d %H}:20:00", userId="2", level="paid" if number % 2 else "free"),
        )
    ]
    lines = [*map(json.dumps, events), "broken"]
    bucket.put("log_data/2018/11/2018-11-15-events.json", "\n".join(lines))
    bucket.put("song_data/one.json", json.dumps(song("SO1")))
    return bucket


def client() -> Any:
    return warehouse_hook().get_conn()


@contextmanager
def delayed(server: RedshiftServer, delays: Delays) -> Iterator[None]:
    server.delays = delays
    try:
        yield
    finally:
        server.delays = Delays()


@pytest.mark.parametrize("level", [SNAPSHOT, SERIALIZABLE])
def test_no_run_is_lost_beside_others(
    filled: Bucket,
    redshift_server: RedshiftServer,
    redshift_pipeline: Pipeline,
    redshift_warehouse: Warehouse,
    level: str,
) -> None:
    name = redshift_warehouse.client.info.dbname
    with closing(client()) as connection:
        connection.cursor().execute(f"alter database {name} isolation level {level}")
        connection.commit()
    with delayed(redshift_server, Delays(statement=0.005, commit=0.01)):
        assert list(redshift_pipeline.run_hours(HOURS, 4)) == [*range(1, len(HOURS) + 1)]
    together = redshift_warehouse.contents()
    assert len(together["songplays"]) == len(HOURS)
    redshift_pipeline.run(*WINDOW)
    assert redshift_warehouse.contents() == together


def test_readers_neither_wait_nor_are_waited_for(
    filled: Bucket, redshift_pipeline: Pipeline, redshift_warehouse: Warehouse
) -> None:
    redshift_pipeline.run(*WINDOW)
    ended = threading.Event()
    waits: list[float] = []

    def ask_often() -> None:
        with closing(client()) as connection:
            while not ended.wait(0.1):
                began = time.monotonic()
                cursor = connection.cursor()
                cursor.execute("select count(*) from songplays, users, load_runs, hour_loads")
                connection.commit()
                waits.append(time.monotonic() - began)

    asking = threading.Thread(target=ask_often)
    with closing(client()) as analyst:
        for table in ("songplays", "users", "load_runs", "hour_loads", "readings", "songs"):
            analyst.cursor().execute(f"select count(*) from {table}")
        asking.start()
        # The analyst's transaction stays open: a run that waited for it would never end.
        waiting = threading.Timer(60, lambda: analyst.close())
        waiting.start()
        redshift_pipeline.run(*WINDOW)
        assert waiting.is_alive(), "the run waited until the reader had left"
        waiting.cancel()
        ended.set()
        asking.join()
    assert len(waits) > 3
    # A lock that it had to wait for would be held until the analyst leaves.
    assert max(waits) < 10


def test_what_others_write_too_is_written_under_the_mutex(
    filled: Bucket, redshift_server: RedshiftServer, redshift_pipeline: Pipeline
) -> None:
    before = len(redshift_server.statements)
    redshift_pipeline.run(*WINDOW, run_id="own")
    writes = {
        (transaction[0].split()[0].lower(), Statement(text).writes)
        for transaction in transactions(redshift_server.statements[before:])
        for text in transaction
        if is_shared(Statement(text).writes) and transaction[0].lower() != f"lock table {MUTEX}"
    }
    assert writes == set()


def transactions(sent: list[Sent]) -> Iterator[list[str]]:
    """The statements of each transaction, without its beginning and end."""
    begun: dict[int, list[str]] = {}
    for session, text in sent:
        verb = Statement(text).verb
        if verb == "begin":
            begun[session] = []
        elif verb in ("commit", "rollback"):
            yield begun.pop(session, [])
        elif session in begun:
            begun[session].append(text)
        else:
            yield [text]


def is_shared(table: str | None) -> bool:
    """Whether a table is neither a run's own nor temporary."""
    own = r"staging_\w+_[0-9a-f]{12}(_kept)?|incoming|song_ids|staged_hours"
    return table is not None and not re.fullmatch(own, table)


def test_an_hour_takes_few_steps(
    filled: Bucket, redshift_server: RedshiftServer, redshift_pipeline: Pipeline
) -> None:
    redshift_pipeline.run(*WINDOW)
    before = len(redshift_server.statements)
    redshift_pipeline.run_hour(HOURS[3])
    counts = count(redshift_server.statements[before:])
    # docs/scaling.md lists them by group; here the hour has a broken line, which takes two more.
    assert counts.statements + 2 * counts.transactions <= 111 + counts.connections
    assert counts.transactions == counts.commits == 11
    assert counts.locks == 10, "of every transaction but that of the COPY"
    assert counts.connections == 10, "one for each task, without the catalogue's"


def test_the_statements_of_a_load_are_printed_and_counted() -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "local.tools.redshift_sql"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "COPY staging_events" in ended.stdout
    assert ended.stdout.splitlines()[-2].startswith("│ Load an hour")
