"""Airflow's metadata database: queries, and the creation of a backfill."""

import json
import signal
from argparse import Namespace
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from airflow.configuration import conf
from airflow.jobs.job import most_recent_job
from airflow.models.backfill import AlreadyRunningBackfill, Backfill, BackfillDagRun
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from sparkify.cli.deployment import Active, AlreadyRunning, Dag
from sparkify.cli.request import Refused, Request, has_range
from sparkify.cli.windows import Plan, Run, Window
from sparkify.runs.hours import AirflowRun
from sparkify.versions import BACKFILL_ERRORS, is_periodic
from sparkify.window import full_hour, utc


class Metadata:
    """An Airflow deployment, reached by its database in one transaction per call."""

    name = "Airflow's metadata database"
    outage = DBAPIError

    def dag(self, dag_id: str) -> Dag | None:
        """Return the DAG, or None if no DAG file defines it (any more)."""
        with create_session() as session:
            row = session.get(DagModel, dag_id)
            if row is None or row.is_stale:
                return None
            periodic = is_periodic(getattr(row, "timetable_periodic", None), row.timetable_summary)
            return Dag(dag_id, row.is_paused, periodic)

    def dag_ids(self) -> list[str]:
        """Return the ids of all DAGs."""
        with create_session() as session:
            return list(session.scalars(select(DagModel.dag_id).where(~DagModel.is_stale)))

    def windows(self, dag_id: str, start: datetime, end: datetime) -> Iterator[Window]:
        """Yield the windows whose logical date is from start to end, including future ones."""
        dag = SerializedDagModel.get_dag(dag_id)
        for info in dag.iter_dagrun_infos_between(start, end) if dag else ():
            # Partitioned schedules have neither.
            if info.logical_date and info.data_interval:
                interval = info.data_interval
                yield Window(*map(utc, (info.logical_date, interval.start, interval.end)))

    def runs(self, dag_id: str, first: datetime, last: datetime) -> dict[datetime, Run]:
        """Return the runs whose logical date is from first to last, by that date."""
        columns = select(DagRun.logical_date, DagRun.run_id, DagRun.state, DagRun.start_date)
        query = columns.where(DagRun.dag_id == dag_id, DagRun.logical_date.between(first, last))
        with create_session() as session:
            return {
                utc(date): Run(run_id, state, started and utc(started))
                for date, run_id, state, started in session.execute(query)
            }

    def unsuccessful(self, dag_id: str) -> list[AirflowRun]:
        """Return the queued, running and failed runs, with their hour if they load one."""
        query = select(DagRun.run_id, DagRun.state, DagRun.logical_date, DagRun.conf).where(
            DagRun.dag_id == dag_id, DagRun.state.in_(("queued", "running", "failed"))
        )
        with create_session() as session:
            return [
                AirflowRun(run_id, state, _hour(date, conf))
                for run_id, state, date, conf in session.execute(query)
            ]

    def failed_tasks(self, dag_id: str, run_ids: Collection[str]) -> dict[str, list[str]]:
        """Return the tasks that failed themselves, by run id."""
        query = (
            select(TaskInstance.run_id, TaskInstance.task_id)
            .where(
                TaskInstance.dag_id == dag_id,
                TaskInstance.run_id.in_(run_ids),
                TaskInstance.state == "failed",
            )
            .order_by(TaskInstance.task_id)
            .distinct()
        )
        found = defaultdict(list)
        with create_session() as session:
            for run_id, task_id in session.execute(query):
                found[run_id].append(task_id)
        return found

    def active_backfill(self, dag_id: str) -> Active | None:
        """Return the DAG's backfill that is not closed, if there is one."""
        query = select(Backfill).where(Backfill.dag_id == dag_id, Backfill.completed_at.is_(None))
        with create_session() as session:
            row = session.scalars(query.limit(1)).first()
            if row is None:
                return None
            runs = select(DagRun.id).where(
                DagRun.backfill_id == row.id, DagRun.state.in_(("queued", "running"))
            )
            is_open = session.scalar(runs.limit(1)) is not None
            # The requested dates may extend beyond the runs.
            dates = select(
                func.min(BackfillDagRun.logical_date), func.max(BackfillDagRun.logical_date)
            )
            first, last = session.execute(dates.where(BackfillDagRun.backfill_id == row.id)).one()
            return Active(row.id, utc(first or row.from_date), utc(last or row.to_date), is_open)

    def is_scheduler_alive(self) -> bool:
        """Whether a scheduler has sent a heartbeat within its health-check threshold."""
        return self.is_running("SchedulerJob")

    def is_running(self, job_type: str) -> bool:
        """Whether a job of a type has sent a heartbeat within its health-check threshold."""
        job = most_recent_job(job_type)
        return job is not None and job.is_alive()

    def dialect(self) -> str:
        """Return the database's kind, such as ``postgresql``."""
        with create_session() as session:
            return session.get_bind().dialect.name

    def is_backfill_paused(self, dag_id: str) -> bool:
        """Whether the DAG's active backfill is paused."""
        query = select(Backfill.is_paused).where(
            Backfill.dag_id == dag_id, Backfill.completed_at.is_(None)
        )
        with create_session() as session:
            return bool(session.scalar(query.limit(1)))

    def create(self, request: Request, plan: Plan) -> int:
        """Create the backfill by Airflow's own command, and return its id."""
        # Slow to import, and only needed here.
        from airflow.cli.commands.backfill_command import create_backfill

        run_conf = request.run_conf
        # Airflow's command makes SIGTERM end the process with 0, as if every run had succeeded.
        on_sigterm = signal.getsignal(signal.SIGTERM)
        try:
            create_backfill(
                Namespace(
                    subcommand="create",
                    dag_id=request.dag_id,
                    # Exactly the windows that were shown, without those that have ended since.
                    from_date=plan.first,
                    to_date=plan.last,
                    max_active_runs=request.max_active_runs,
                    run_backwards=request.backwards,
                    dag_run_conf=None if run_conf is None else json.dumps(run_conf),
                    reprocess_behavior=plan.reprocess.value,
                    run_on_latest_version=None,
                    dry_run=False,
                    verbose=False,
                )
            )
        except AlreadyRunningBackfill as error:
            raise AlreadyRunning(str(error)) from error
        except BACKFILL_ERRORS as error:
            raise Refused(f"Airflow refuses this backfill: {error}") from error
        except KeyboardInterrupt:
            raise Refused(
                "Interrupted while the runs were being created, so none was. Airflow removes the "
                "empty backfill within three minutes; start again after that."
            ) from None
        except SystemExit as end:
            raise Refused("Airflow was stopped, or found no runs to create.") from end
        finally:
            signal.signal(signal.SIGTERM, on_sigterm)
        with create_session() as session:
            newest = select(func.max(Backfill.id)).where(Backfill.dag_id == request.dag_id)
            return int(session.scalars(newest).one())

    def web_address(self, path: str) -> str:
        """Return the URL of a path in the web UI."""
        return conf.get("api", "base_url", fallback="http://localhost:8080").rstrip("/") + path

    def unpause(self, dag_id: str) -> str:
        """Return the command that unpauses the DAG."""
        return f"airflow dags unpause {dag_id}"


def _hour(date: datetime | None, conf: Mapping[str, Any] | None) -> datetime | None:
    """Return the hour that a run loads; None for a run without a date, or with a range."""
    return None if date is None or has_range(conf) else full_hour(utc(date))
