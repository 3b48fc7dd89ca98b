"""What the tests share: a server, warehouses of their own, sources of their own."""

import gc
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import botocore.session
import psycopg
import pytest

from tests.support.environment import SERVER, end

# isort: split
from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from airflow.sdk import DAG
from botocore.loaders import create_loader

from local.servers.databases import create_tables, database, execute
from local.servers.postgres import EmbeddedPostgres
from local.servers.s3 import Storage, storage
from local.tools.pipeline import Pipeline
from sparkify.settings import setting
from tests.support.dags import parsed_dags
from tests.support.sessions import reused_sessions
from tests.support.sources import Bucket, TestSource
from tests.support.warehouse import Warehouse

pytest_plugins = [
    "tests.support.browser",
    "tests.support.channels",
    "tests.support.recorder",
    "tests.support.redshift",
]

_numbers = itertools.count(1)


# The files that take a minute and more, the longest first: what is left for the end is short, so
# that neither of two processes ends up alone.
LONG = (
    "reality/test_make_run",
    "reality/test_chaos",
    "reality/test_page",
    "reality/test_secrets",
    "reality/test_backfill_command",
    "warehouse/test_interleaving",
    "warehouse/test_forgetting",
    "warehouse/test_any_order",
    "redshift/test_runs",
    "redshift/test_rejects",
    "redshift/test_locks",
    "records/test_records",
    "policy/test_platforms",
    "local/test_lineage",
    "local/test_discretion",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The quick files first, then the long ones."""

    def place(item: pytest.Item) -> int:
        file = item.path.relative_to(Path(__file__).parent).with_suffix("").as_posix()
        return 1 + LONG.index(file) if file in LONG else 0

    items.sort(key=place)


def pytest_sessionstart() -> None:
    """Collect garbage again, but leave out what this file has imported."""
    gc.freeze()
    gc.enable()


def pytest_collection_finish() -> None:
    """Let no later collection of garbage look at what the imports have left for good."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Not left to the interpreter's end, which a process of pytest-xdist does not come to."""
    end()


@pytest.fixture(autouse=True)
def unread_settings() -> None:
    """Settings are read once a process, and each test is one of its own in that."""
    setting.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def quick_aws_clients() -> Iterator[None]:
    """Make a client of AWS in less time than it takes to stage a small file."""
    with pytest.MonkeyPatch.context() as patch:
        # What boto3 knows of its services is found and parsed once, not by each session.
        patch.setattr(botocore.session, "create_loader", cache(create_loader))
        # The hook looks through the whole stack for the name of its operator, to tell AWS.
        patch.setattr(AwsGenericHook, "_get_caller", lambda *_: "Unknown")
        yield


@pytest.fixture(scope="session")
def server() -> EmbeddedPostgres:
    SERVER.start()
    # It is thrown away: nothing in it has to outlive a power cut, and dropping a database would
    # wait for the disk each time.
    execute(SERVER, "alter system set fsync = off")
    # What the planner knows, and what was read, would depend on when autovacuum comes by.
    execute(SERVER, "alter system set autovacuum = off")
    execute(SERVER, "select pg_reload_conf()")
    return SERVER


@pytest.fixture(scope="session")
def airflow(server: EmbeddedPostgres) -> Iterator[str]:
    """Airflow's metadata database, made once; the name of a copy in which nothing ever ran."""
    from airflow.settings import engine
    from airflow.utils.db import initdb

    initdb()
    assert engine
    engine.dispose()
    with database(server, "airflow_untouched", like="airflow") as untouched:
        yield untouched


@pytest.fixture(scope="session")
def real_source() -> Path:
    """The public data set; where CI says where it is, it must be there."""
    folder = os.environ.get("SPARKIFY_REAL_DATA")
    if not folder:
        pytest.skip("SPARKIFY_REAL_DATA does not name the folder of the public data set")
    path = Path(folder).resolve()
    assert (path / "log_data").is_dir(), f"SPARKIFY_REAL_DATA={folder} holds no log_data"
    return path


@pytest.fixture(scope="session")
def dags() -> dict[str, DAG]:
    """The project's DAGs, parsed once."""
    return parsed_dags()


@pytest.fixture(scope="session")
def empty_database(server: EmbeddedPostgres, dags: dict[str, DAG]) -> Iterator[str]:
    """A database with the project's tables, which each test gets a copy of."""
    with database(server, "empty_warehouse") as name, pytest.MonkeyPatch.context() as patch:
        # Undone at the end: the environment leads to no warehouse but a test's own.
        patch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", "")
        create_tables(server, name, dags["sparkify_schema"])
        patch.undo()
        yield name


@pytest.fixture(name="reused_sessions")
def sessions() -> Iterator[None]:
    """The test's tasks take over the sessions of those before them."""
    with reused_sessions():
        yield


@pytest.fixture
def new_warehouse(
    server: EmbeddedPostgres, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Warehouse]]:
    """Makes a warehouse with empty tables, which ``sparkify_warehouse`` leads to from then on."""
    with ExitStack() as made:

        def make() -> Warehouse:
            name = f"warehouse_{next(_numbers)}"
            made.enter_context(database(server, name, like=empty_database))
            monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_WAREHOUSE", server.connection(name))
            client = psycopg.connect(server.uri(name), autocommit=True)
            return Warehouse(made.enter_context(client))

        yield make


@pytest.fixture
def warehouse(new_warehouse: Callable[[], Warehouse]) -> Warehouse:
    """The test's one warehouse."""
    return new_warehouse()


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestSource:
    """An empty source, which the variable ``sparkify_source`` names."""
    made = TestSource(tmp_path / "source")
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", made.url)
    return made


@pytest.fixture(scope="session")
def s3() -> Iterator[Storage]:
    """An S3 server for all tests; each has buckets of its own."""
    with storage() as server:
        yield server


@pytest.fixture
def bucket(s3: Storage, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """An empty bucket, which the variable ``sparkify_source`` names."""
    name = f"bucket-{next(_numbers)}"
    s3.create_bucket(name)
    made = Bucket(s3, name)
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_SOURCE", made.url)
    monkeypatch.setenv("AIRFLOW_CONN_SPARKIFY_S3", s3.connection())
    return made


@pytest.fixture
def pipeline(dags: dict[str, DAG], warehouse: Warehouse) -> Pipeline:
    """The DAG ``sparkify`` on the test's warehouse."""
    return Pipeline(dags["sparkify"])
