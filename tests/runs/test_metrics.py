"""The metrics: a StatsD server that hears them, the document that lists them, the dashboard."""

import json
import re
import socket
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics.stats_utils import get_stats_factory
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from promql_parser import parse as parse_promql

from local.tools.pipeline import Pipeline
from sparkify.runs.metrics import CHECKS, COUNTERS, GAUGES, LAG, send_failed_checks, send_figures
from tests.support.environment import ROOT
from tests.support.sources import Bucket, TestSource, play, visit

DAY = ("2018-11-15", "2018-11-16")
NAMES = {*COUNTERS, *GAUGES, LAG, *CHECKS.values()}

DASHBOARD = ROOT / "docs/metrics/dashboard.json"
DOCUMENT = ROOT / "docs/lineage-and-metrics.md"


class StatsD:
    """A server that listens where Airflow sends its metrics."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def heard(self) -> dict[str, list[tuple[float, str]]]:
        """The values of the project's metrics, each with its kind, by name."""
        found: dict[str, list[tuple[float, str]]] = defaultdict(list)
        while True:
            try:
                name, value = self.socket.recv(1 << 16).decode().split(":")
            except BlockingIOError:
                return dict(found)
            number, kind = value.split("|")[:2]
            assert name.startswith("airflow.sparkify.")
            found[name.removeprefix("airflow.")].append((float(number), kind))


@pytest.fixture
def statsd(monkeypatch: pytest.MonkeyPatch) -> Iterator[StatsD]:
    """Airflow's own client, set up as a task sets it up."""
    server = StatsD()
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_HOST", "127.0.0.1")
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_PORT", str(server.port))
    client = get_stats_factory()()
    set_up(lambda: client)
    yield server
    server.socket.close()
    client.statsd.close()
    monkeypatch.undo()
    set_up(get_stats_factory())


def set_up(factory: Callable[[], Any]) -> None:
    stats.initialize(factory=factory, export_legacy_names=False)


def day_of(source: TestSource) -> None:
    source.events(play("2018-11-15 10:00:00"), visit("2018-11-15 11:00:00"))
    day = source.root / "log_data/2018/11/2018-11-15-events.json"
    day.write_text(day.read_text() + "\nbroken")


@pytest.fixture
def on_postgres(source: TestSource, pipeline: Pipeline) -> Pipeline:
    day_of(source)
    return pipeline


@pytest.fixture
def on_redshift(source: TestSource, bucket: Bucket, redshift_pipeline: Pipeline) -> Pipeline:
    day_of(source)
    bucket.fill(source)
    return redshift_pipeline


@pytest.mark.parametrize("engine", ["on_postgres", "on_redshift"])
def test_a_run_is_heard_on_either_engine(
    engine: str,
    request: pytest.FixtureRequest,
    statsd: StatsD,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_SPARKIFY_REJECT_LIMIT", "1")
    request.getfixturevalue(engine).run(*DAY)
    heard = statsd.heard()
    assert heard.keys() == NAMES - {LAG}, "a range has no lag"
    counted = {name: values for name, values in heard.items() if values[0][1] == "c"}
    assert counted == {
        "sparkify.rows_staged": [(2, "c")],
        "sparkify.rejects": [(1, "c")],
        "sparkify.plays_published": [(1, "c")],
        "sparkify.files_missing": [(0, "c")],
        # Of what was staged, and of the warehouse: none, which is heard too.
        "sparkify.checks_failed": [(0, "c"), (0, "c")],
        "sparkify.checks_warned": [(0, "c"), (0, "c")],
    }
    for name in GAUGES:
        [(seconds, kind)] = heard[name]
        assert kind == "g"
        assert 0 < seconds < 300


def test_checks_that_fail_are_heard_though_the_task_fails(
    on_postgres: Pipeline, statsd: StatsD
) -> None:
    with pytest.raises(AirflowFailException, match="reject_share"):
        on_postgres.run(*DAY)
    assert statsd.heard() == {
        "sparkify.checks_failed": [(1, "c")],
        "sparkify.checks_warned": [(0, "c")],
    }


def test_only_a_scheduled_run_has_a_lag(statsd: StatsD) -> None:
    end = datetime.now(UTC) - timedelta(minutes=10)
    for run_type in ("backfill", "manual", "scheduled"):
        send_figures({"window_end": f"{end:%Y-%m-%d %H:%M}"}, run_type)
    [(seconds, kind)] = statsd.heard()[LAG]
    assert kind == "g"
    assert 600 <= seconds < 700


def test_what_is_not_known_is_not_sent(statsd: StatsD) -> None:
    send_figures({}, "scheduled")
    send_figures(dict.fromkeys(["staged", "rejected", "load_seconds"]), "backfill")
    assert statsd.heard() == {}


def test_a_run_does_not_depend_on_a_metrics_server(
    statsd: StatsD, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    statsd.socket.close()
    send_failed_checks(["error"])
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_HOST", "no.such.host.invalid")
    set_up(get_stats_factory())
    send_failed_checks(["error"])

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr("airflow.sdk.observability.stats.Stats.incr", broken)
    send_failed_checks(["error"])
    assert "sparkify.checks_failed could not be sent" in caplog.text


def queries() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    """By the names that Prometheus has them under: OpenTelemetry's counters end with _total."""
    shown = set(re.findall(r"airflow_(sparkify_\w+)", " ".join(queries())))
    assert shown == {name.replace(".", "_") for name in NAMES}
    for name in NAMES:
        metric = f"airflow_{name.replace('.', '_')}"
        is_counter = name not in GAUGES and name != LAG
        selector = f'{{__name__=~"{metric}(_total)?"}}' if is_counter else metric
        assert any(selector in query for query in queries()), selector


def test_grafana_and_prometheus_read_the_dashboard() -> None:
    """Grafana's model of a dashboard takes it, loses nothing of it, and the queries parse."""
    text = DASHBOARD.read_text()
    model = Dashboard.from_json(json.loads(text))
    again = json.loads(JSONEncoder(sort_keys=False).encode(model))
    assert lost(json.loads(text), again) == []
    for query in queries():
        parse_promql(query.replace("$__range", "7d"))


def lost(one: Any, other: Any, path: str = "") -> list[str]:
    """The places of what one has and the other has not, or otherwise."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [place for key in one for place in lost(one[key], other.get(key), f"{path}/{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [place for n, pair in pairs for place in lost(*pair, f"{path}/{n}")]
    return [] if one == other else [path]


def test_the_document_lists_every_metric_and_no_other() -> None:
    assert set(re.findall(r"^\| `(sparkify\.\w+)` \|", DOCUMENT.read_text(), re.M)) == NAMES
