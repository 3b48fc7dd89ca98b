"""What a backfill needs of an Airflow deployment, however that is reached."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sparkify.cli.request import Request
from sparkify.cli.windows import Plan, Run, Window


@dataclass(frozen=True)
class Dag:
    """A DAG of the deployment."""

    dag_id: str
    is_paused: bool
    is_periodic: bool


@dataclass(frozen=True)
class Active:
    """A backfill that Airflow has not closed yet."""

    backfill_id: int
    first: datetime
    last: datetime
    has_open_runs: bool


class AlreadyRunning(Exception):  # noqa: N818 - it names a state of the DAG
    """The DAG has an active backfill, and can have only one."""


class Deployment(Protocol):
    """An Airflow deployment: `Metadata` reaches it by its database, `Rest` by its REST API."""

    @property
    def name(self) -> str:
        """What answers the calls, to begin a sentence with."""

    @property
    def outage(self) -> type[Exception]:
        """The error of a call that may succeed later."""

    def dag(self, dag_id: str) -> Dag | None:
        """Return the DAG, or None if no DAG file defines it (any more)."""

    def dag_ids(self) -> list[str]:
        """Return the ids of all DAGs."""

    def windows(self, dag_id: str, start: datetime, end: datetime) -> Iterable[Window]:
        """Return the windows whose logical date is from start to end, and the next to end."""

    def runs(self, dag_id: str, first: datetime, last: datetime) -> dict[datetime, Run]:
        """Return the runs whose logical date is from first to last, by that date."""

    def failed_tasks(self, dag_id: str, run_ids: Collection[str]) -> Mapping[str, list[str]]:
        """Return the tasks that failed themselves, by run id."""

    def active_backfill(self, dag_id: str) -> Active | None:
        """Return the DAG's backfill that is not closed, if there is one."""

    def is_backfill_paused(self, dag_id: str) -> bool:
        """Whether the DAG's active backfill is paused."""

    def is_scheduler_alive(self) -> bool:
        """Whether a scheduler has sent a heartbeat within its health-check threshold."""

    def create(self, request: Request, plan: Plan) -> int:
        """Create the backfill and return its id; raise AlreadyRunning if there is another."""

    def web_address(self, path: str) -> str:
        """Return the URL of a path in the web UI."""

    def unpause(self, dag_id: str) -> str:
        """Return the command or the page that unpauses the DAG."""
