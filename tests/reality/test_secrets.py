"""No secret is in any file or stream of any process: real scheduler, both engines, every login."""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
import pytest
from rich.console import Console

from local.api.follow import follow, trigger
from local.deployment.deployment import Deployment
from local.deployment.environment import (
    SOURCE_VARIABLE,
    STORAGE_CONNECTION,
    WAREHOUSE_CONNECTION,
)
from local.deployment.load import DAG, prepare
from local.deployment.trial import trial
from local.redshift.objects import Objects
from local.redshift.refusals import RedshiftError
from local.redshift.server import RedshiftServer, redshift
from local.servers.postgres import METADATA, EmbeddedPostgres
from local.servers.s3 import Storage
from local.terminal.screen import Screen
from tests.support.environment import ROOT, SERVER
from tests.support.sources import Bucket, play, song
from tests.support.warehouse import Warehouse

PATIENCE = 20
EVENTS = "log_data/2018/11/2018-11-15-events.json"
ROLE = "arn:aws:iam::123456789012:role/sparkify-secret-reader"
# As a secret may be, where one has to escape it in a URI.
WAREHOUSE_PASSWORD = "the/password+of%the=warehouse"
KEY_ID, KEY = "AKIAOFTHELOADER", "the/secret+of0the1loader"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Airflow without its scheduler, whose environment is each test's own."""
    folder = tmp_path_factory.mktemp("secrets")
    with trial(ROOT, folder / "deployment", "s3://set-by-each-test") as made:
        made.exported |= {
            "AIRFLOW__CORE__MAX_TASK_RETRY_DELAY": "1",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        }
        made.postgres.start()
        made.write_files()
        prepare(made, Screen(Console(quiet=True)))
        made.start_airflow()
        yield made


@pytest.fixture
def server_of_redshift(server: EmbeddedPostgres, s3: Storage) -> Iterator[RedshiftServer]:
    """The stand-in, whose clients need the password."""
    with redshift(server, s3, WAREHOUSE_PASSWORD) as made:
        made.roles.add(ROLE)
        yield made


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each COPY's first attempt fails, so that what is said of a failure is looked at, too."""
    met: set[str] = set()
    fetch = Objects.fetch

    def fails_first(self: Objects, url: str) -> bytes:
        if url not in met:
            met.add(url)
            raise RedshiftError(
                "S3ServiceException:Please reduce your request rate.,Error SlowDown"
            )
        return fetch(self, url)

    monkeypatch.setattr(Objects, "fetch", fails_first)


@pytest.fixture
def key(s3: Storage) -> dict[str, Any]:
    """A connection to S3 with an access key."""
    s3.keys[KEY_ID] = KEY
    connection: dict[str, Any] = json.loads(s3.connection())
    return connection | {"login": KEY_ID, "password": KEY}


@pytest.fixture
def role(s3: Storage) -> str:
    """A role that Redshift and Airflow may assume."""
    iam = s3.client("iam")
    trust = {"Statement": [{"Principal": {"Service": "redshift.amazonaws.com"}}]}
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(
            RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument=json.dumps(trust)
        )
    return ROLE


def uri(connection: dict[str, Any]) -> str:
    """The connection in the form of a URI."""
    login, password = (quote(connection[part], safe="") for part in ("login", "password"))
    place = f"{connection.get('host', '')}:{connection['port']}" if "port" in connection else ""
    extra = quote(json.dumps(connection.get("extra", {})), safe="")
    schema = connection.get("schema", "")
    return f"{connection['conn_type']}://{login}:{password}@{place}/{schema}?__extra__={extra}"


class Run:
    """One load of a day, by a scheduler with these connections."""

    def __init__(self, deployment: Deployment, source: str, warehouse: str, storage: str) -> None:
        self.deployment = deployment
        deployment.exported |= {
            SOURCE_VARIABLE: source,
            WAREHOUSE_CONNECTION: warehouse,
            STORAGE_CONNECTION: storage,
        }
        deployment.start_scheduler(scheduled=False, serves=False)
        try:
            deployment.wait_until_ready([DAG], datetime.min.replace(tzinfo=UTC))
            run_id = trigger(deployment.api, DAG, {"start": "2018-11-15", "end": "2018-11-16"})
            logs = deployment.layout.task_logs
            self.state = follow(deployment.api, DAG, run_id, logs, lambda _: None)
        finally:
            self._stop_scheduler()

    def _stop_scheduler(self) -> None:
        scheduler = self.deployment.services._children.pop("scheduler")
        leader = psutil.Process(scheduler.pid)
        family = [leader, *leader.children(recursive=True)]
        # Its workers, too, or it may wait for them without an end.
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        for process in psutil.wait_procs(family, PATIENCE)[1]:
            process.kill()
        scheduler.wait()

    def said(self, log: str) -> str:
        """What a process has said."""
        return self.deployment.services.log(log).read_text(errors="replace")

    def leaks(self, *secrets: str) -> list[tuple[str, str]]:
        """Where these secrets are, as they are or as a URI writes them."""
        spelled = [text for secret in secrets for text in {secret, quote(secret, safe="")}]
        return [
            (place, secret)
            for place, content in self._contents()
            for secret in spelled
            if secret.encode() in content
        ]

    def _contents(self) -> Iterator[tuple[str, bytes]]:
        """Everything that Airflow and its tasks have written, and what PostgreSQL logs."""
        for file in [*self.deployment.layout.root.rglob("*"), SERVER.log]:
            if file.is_file():
                yield str(file), file.read_bytes()
        with psycopg.connect(self.deployment.postgres.uri(METADATA)) as client:
            tables = client.execute("select oid::regclass::text from pg_class where relkind = 'r'")
            for (table,) in tables.fetchall():
                rows = client.execute(f"select t::text from {table} t".encode()).fetchall()
                yield table, "\n".join(row for (row,) in rows).encode()


@pytest.fixture
def load(deployment: Deployment, bucket: Bucket) -> Callable[[str, str], Run]:
    """Loads a day with a warehouse and a storage."""
    bucket.put(EVENTS, "\n".join([json.dumps(play("2018-11-15 10:00:00"))] * 200 + ["{broken"]))
    bucket.put("song_data/one.json", json.dumps(song("SO1")))
    return lambda warehouse, storage: Run(deployment, bucket.url, warehouse, storage)


@pytest.fixture
def on_redshift(server_of_redshift: RedshiftServer, redshift_warehouse: Warehouse) -> str:
    """A connection to the stand-in."""
    database = json.loads(os.environ[WAREHOUSE_CONNECTION])["schema"]
    return server_of_redshift.connection(database)


def copied_with(server: RedshiftServer, secret: str) -> bool:
    """Whether the secret was needed, so that it could have been told."""
    sent = [text for _, text in server.statements]
    copies = [text for text in sent if re.match(r"\s*copy ", text, re.IGNORECASE)]
    return bool(copies) and all(secret in text for text in copies)


def is_told_without(run: Run, sentence: str, *secrets: str) -> None:
    assert run.state == "success"
    # What a task logs is found, and so is the copy of it that the scheduler prints.
    places = [place for place, _ in run.leaks(sentence)]
    assert [place for place in places if place.endswith("scheduler.log")]
    assert [place for place in places if "attempt=" in place]
    assert "cannot be called outside" not in run.said("scheduler")
    assert run.leaks(*secrets) == []


@pytest.mark.usefixtures("flaky")
def test_a_key_in_copy(
    load: Callable[[str, str], Run],
    server_of_redshift: RedshiftServer,
    on_redshift: str,
    key: dict[str, Any],
) -> None:
    run = load(on_redshift, json.dumps(key))
    assert copied_with(server_of_redshift, KEY)
    assert "Please reduce your request rate" in run.said("scheduler")
    is_told_without(run, "Copying s3://", KEY_ID, KEY, WAREHOUSE_PASSWORD)


@pytest.mark.usefixtures("flaky")
def test_a_session_token_in_copy_and_connections_that_are_uris(
    load: Callable[[str, str], Run],
    server_of_redshift: RedshiftServer,
    on_redshift: str,
    key: dict[str, Any],
    role: str,
    s3: Storage,
) -> None:
    given = s3.client("sts").assume_role(RoleArn=role, RoleSessionName="loader")["Credentials"]
    token = {"aws_session_token": given["SessionToken"]}
    session = {"login": given["AccessKeyId"], "password": given["SecretAccessKey"]}
    storage = key | session | {"extra": key["extra"] | token}
    run = load(uri(json.loads(on_redshift)), uri(storage))
    assert copied_with(server_of_redshift, given["SessionToken"])
    secrets = (*session.values(), given["SessionToken"], WAREHOUSE_PASSWORD)
    is_told_without(run, "Copying s3://", *secrets)


@pytest.mark.usefixtures("flaky")
def test_a_role_and_the_key_that_assumes_it(
    load: Callable[[str, str], Run],
    server_of_redshift: RedshiftServer,
    on_redshift: str,
    key: dict[str, Any],
    role: str,
    s3: Storage,
) -> None:
    sts = {"service_config": {"sts": {"endpoint_url": s3.endpoint}}}
    storage = key | {"extra": key["extra"] | sts | {"role_arn": role}}
    run = load(on_redshift, json.dumps(storage))
    assert copied_with(server_of_redshift, f"aws_iam_role={role}")
    assert not copied_with(server_of_redshift, KEY)
    is_told_without(run, "Copying s3://", KEY_ID, KEY, WAREHOUSE_PASSWORD)


def test_a_password_of_postgresql(
    load: Callable[[str, str], Run],
    server: EmbeddedPostgres,
    warehouse: Warehouse,
    key: dict[str, Any],
) -> None:
    named = json.loads(os.environ[WAREHOUSE_CONNECTION]) | {"password": WAREHOUSE_PASSWORD}
    # The socket's folder is not a host that a URI may have.
    place = {"host": str(server.socket_folder)}
    run = load(uri(named | {"host": "", "extra": place}), uri(key))
    assert warehouse.count("songplays") > 0
    is_told_without(run, "Reading 1 files", KEY_ID, KEY, WAREHOUSE_PASSWORD)
