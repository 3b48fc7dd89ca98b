"""What the command asks of a deployment: of a real database, and of the real API on it."""

import secrets
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.api_fastapi.app import create_app
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.jobs.job import Job
from airflow.models.backfill import Backfill, BackfillDagRun
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from fastapi.testclient import TestClient
from sqlalchemy import delete, select, update

from sparkify.cli.deployment import AlreadyRunning, Dag, Deployment
from sparkify.cli.metadata import Metadata
from sparkify.cli.request import Refused, Request
from sparkify.cli.rest import Rest, api
from sparkify.cli.windows import Action, Bound, Plan, Reprocess, Window
from sparkify.versions import AIRFLOW

# A request to a real server has a timeout of its own.
pytestmark = pytest.mark.filterwarnings("ignore:You should not use the 'timeout' argument")

HOUR = timedelta(hours=1)
URL = "http://airflow.test"
# Other tests have runs in the same database.
MINE = DagRun.dag_id == "hourly"
NOVEMBER = datetime(2018, 11, 1, tzinfo=UTC)
FILE = """
from datetime import UTC, datetime
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, CronDataIntervalTimetable

hourly = CronDataIntervalTimetable("@hourly", timezone="UTC")
with DAG("hourly", schedule=hourly, start_date=datetime(2010, 1, 1, tzinfo=UTC)):
    EmptyOperator(task_id="work")
with DAG("unscheduled", schedule=None):
    EmptyOperator(task_id="work")
"""


@pytest.fixture(scope="module", autouse=True)
def hourly(airflow: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two DAGs as the DAG processor would have written them."""
    folder: Path = tmp_path_factory.mktemp("dags")
    (folder / "hourly.py").write_text(FILE)
    with create_session() as session:
        session.add(DagBundleModel(name="commands"))
    bag = DagBag(dag_folder=str(folder), bundle_path=folder, bundle_name="commands")
    with create_session() as session:
        sync_bag_to_db(bag, "commands", None, session=session)
    yield
    with create_session() as session:
        session.execute(delete(Job))
        session.execute(
            update(DagModel).where(DagModel.bundle_name == "commands").values(is_stale=True)
        )


@pytest.fixture(scope="module")
def rest(airflow: str) -> Iterator[Rest]:
    """The client of Airflow's own API server, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", secrets.token_urlsafe(64))
        app = create_app()
        root = SimpleAuthManagerUser(username="root", role="ADMIN")
        token = app.state.auth_manager.generate_jwt(root)
        headers = {"Authorization": f"Bearer {token}"}
        yield Rest(URL, TestClient(app, base_url=api(URL), headers=headers))


@pytest.fixture(params=["database", "API"])
def metadata(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """The deployment, without backfills, by both of its implementations."""
    yield Metadata() if request.param == "database" else request.getfixturevalue("rest")
    with create_session() as session:
        session.execute(delete(BackfillDagRun))
        session.execute(delete(DagRun).where(MINE))
        session.execute(delete(Backfill))


@pytest.fixture
def morning(metadata: Deployment) -> list[Window]:
    """Three windows."""
    return list(metadata.windows("hourly", NOVEMBER, NOVEMBER + 2 * HOUR))


def create(metadata: Deployment, plan: Plan, backwards: bool = False) -> int:
    asked = Request(
        dag_id="hourly",
        start=Bound(plan.first, ""),
        end=Bound(plan.last, ""),
        reprocess=plan.reprocess,
        max_active_runs=3,
        backwards=backwards,
        conf={"a": 1},
        dry_run=False,
        wait=True,
    )
    return metadata.create(asked, plan)


def end_runs(**states: str) -> None:
    """End the run of each hour, ``h0`` the first, and close the backfill."""
    with create_session() as session:
        for hour, state in states.items():
            date = NOVEMBER + int(hour[1:]) * HOUR
            run = session.scalars(select(DagRun).where(MINE, DagRun.logical_date == date)).one()
            run.set_state(DagRunState(state))
        session.execute(update(Backfill).values(completed_at=NOVEMBER))


def test_dags_are_known_by_their_schedule(metadata: Deployment) -> None:
    assert metadata.dag("hourly") == Dag("hourly", is_paused=True, is_periodic=True)
    assert metadata.dag("unscheduled") == Dag("unscheduled", is_paused=True, is_periodic=False)
    assert metadata.dag("nowhere") is None
    assert {"hourly", "unscheduled"} <= set(metadata.dag_ids())


def test_windows_are_the_schedule_s_and_end_is_inclusive(morning: list[Window]) -> None:
    expected = [NOVEMBER + n * HOUR for n in range(3)]
    assert [w.logical_date for w in morning] == [w.start for w in morning] == expected
    assert [w.end - w.start for w in morning] == [HOUR] * 3


def test_a_backfill_is_created_as_it_was_asked_for(
    metadata: Deployment, morning: list[Window]
) -> None:
    on_sigterm = signal.getsignal(signal.SIGTERM)
    number = create(metadata, Plan(morning, {}, Reprocess.NONE), backwards=True)
    assert signal.getsignal(signal.SIGTERM) is on_sigterm
    with create_session() as session:
        backfill = session.get_one(Backfill, number)
        assert (backfill.max_active_runs, backfill.dag_run_conf) == (3, {"a": 1})
        assert (backfill.from_date, backfill.to_date) == (NOVEMBER, NOVEMBER + 2 * HOUR)
        order = select(BackfillDagRun.logical_date).order_by(BackfillDagRun.sort_ordinal)
        assert list(session.scalars(order)) == [w.logical_date for w in reversed(morning)]
    runs = metadata.runs("hourly", NOVEMBER, NOVEMBER + 2 * HOUR)
    assert {date: run.state for date, run in runs.items()} == {
        w.logical_date: "queued" for w in morning
    }


def test_a_run_loads_its_hour_unless_its_conf_names_a_range(
    metadata: Deployment, morning: list[Window]
) -> None:
    create(metadata, Plan(morning, {}, Reprocess.NONE))
    left_empty = {"start": None, "end": None, "allow_removed": False}
    given = {"start": "2018-11-01"}
    with create_session() as session:
        for window, conf in zip(morning, (None, left_empty, given), strict=True):
            its = MINE, DagRun.logical_date == window.start
            session.execute(update(DagRun).where(*its).values(conf=conf))
    found = Metadata().unsuccessful("hourly")
    assert {run.hour for run in found} == {NOVEMBER, NOVEMBER + HOUR, None}


def test_the_active_backfill_is_found_until_it_is_closed(
    metadata: Deployment, morning: list[Window]
) -> None:
    assert metadata.active_backfill("hourly") is None
    number = create(metadata, Plan(morning, {}, Reprocess.NONE))
    active = metadata.active_backfill("hourly")
    assert active
    assert (active.backfill_id, active.first, active.last) == (
        number,
        NOVEMBER,
        NOVEMBER + 2 * HOUR,
    )
    assert active.has_open_runs
    with create_session() as session:
        session.execute(update(Backfill).values(is_paused=True))
        session.execute(update(DagRun).where(MINE).values(state="success"))
    assert metadata.is_backfill_paused("hourly")
    active = metadata.active_backfill("hourly")
    assert active
    assert not active.has_open_runs
    end_runs()
    assert metadata.active_backfill("hourly") is None
    assert not metadata.is_backfill_paused("hourly")


@pytest.mark.parametrize("reprocess", Reprocess)
def test_airflow_does_with_each_window_what_the_plan_says(
    metadata: Deployment, morning: list[Window], reprocess: Reprocess
) -> None:
    create(metadata, Plan(morning[:2], {}, Reprocess.NONE))
    end_runs(h0="success", h1="failed")
    runs = metadata.runs("hourly", NOVEMBER, NOVEMBER + 2 * HOUR)
    plan = Plan(morning, runs, reprocess)

    create(metadata, plan)

    after = metadata.runs("hourly", NOVEMBER, NOVEMBER + 2 * HOUR)
    for window in morning:
        is_run = after[window.logical_date].state == "queued"
        assert is_run == (plan.action(window) in (Action.NEW, Action.AGAIN)), plan.action(window)


def test_a_run_under_way_is_left_to_itself(metadata: Deployment, morning: list[Window]) -> None:
    create(metadata, Plan(morning[:1], {}, Reprocess.NONE))
    end_runs(h0="running")
    runs = metadata.runs("hourly", NOVEMBER, NOVEMBER + HOUR)
    plan = Plan(morning[:2], runs, Reprocess.COMPLETED)
    assert plan.action(morning[0]) is Action.UNDERWAY
    create(metadata, plan)
    assert metadata.runs("hourly", NOVEMBER, NOVEMBER)[NOVEMBER].state == "running"


def test_the_tasks_that_failed_are_named(metadata: Deployment, morning: list[Window]) -> None:
    create(metadata, Plan(morning[:2], {}, Reprocess.NONE))
    first, second = (
        run.run_id for run in metadata.runs("hourly", NOVEMBER, morning[1].start).values()
    )
    with create_session() as session:
        session.execute(
            update(TaskInstance).where(TaskInstance.run_id == first).values(state="failed")
        )
    assert metadata.failed_tasks("hourly", [first, second]) == {first: ["work"]}


def test_a_scheduler_is_alive_by_its_heartbeat(metadata: Deployment) -> None:
    assert not metadata.is_scheduler_alive()
    with create_session() as session:
        job = Job(  # type: ignore[no-untyped-call]  # Airflow has not annotated it
            job_type="SchedulerJob", state="running"
        )
        job.latest_heartbeat = datetime.now(UTC)
        session.add(job)
    assert metadata.is_scheduler_alive()
    with create_session() as session:
        session.execute(update(Job).values(latest_heartbeat=datetime.now(UTC) - HOUR))
    assert not metadata.is_scheduler_alive()


def test_a_second_backfill_is_one_too_many(metadata: Deployment, morning: list[Window]) -> None:
    create(metadata, Plan(morning[:1], {}, Reprocess.NONE))
    with pytest.raises(AlreadyRunning):
        create(metadata, Plan(morning, {}, Reprocess.NONE))


def test_windows_stay_the_same_whatever_their_runs(
    metadata: Deployment, morning: list[Window]
) -> None:
    create(metadata, Plan(morning, {}, Reprocess.NONE))
    end_runs(h0="running", h1="success", h2="queued")
    assert list(metadata.windows("hourly", NOVEMBER, NOVEMBER + 2 * HOUR)) == morning


def test_the_window_that_has_not_ended_is_the_next(metadata: Deployment) -> None:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    found = list(metadata.windows("hourly", now - 2 * HOUR, now))
    assert [window.start for window in found] == [now - 2 * HOUR, now - HOUR, now]
    assert found[-1].end == now + HOUR


def test_what_airflow_refuses_is_a_sentence(metadata: Deployment, morning: list[Window]) -> None:
    if AIRFLOW.release < (3, 3) and isinstance(metadata, Rest):
        pytest.skip("Airflow 3.2 answers with a server error")
    backwards = [*reversed(morning)]
    with pytest.raises(Refused, match=r"Airflow refuses .*(must not be after|No runs to create)"):
        create(metadata, Plan(backwards, {}, Reprocess.NONE))
