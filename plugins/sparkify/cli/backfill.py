"""``airflow dags backfill``: run every interval of a range, follow the runs and report."""

import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from airflow.models.backfill import AlreadyRunningBackfill
from airflow.sdk.exceptions import AirflowException

from sparkify.cli import checks, report
from sparkify.cli.failures import command, explain_warehouse_errors
from sparkify.cli.follow import Runs, follow, span
from sparkify.cli.metadata import Metadata
from sparkify.cli.request import Refused, Request
from sparkify.cli.screen import Screen
from sparkify.cli.windows import Action, Plan, notes
from sparkify.runs.hours import DAG_ID, Load, loads
from sparkify.warehouse import warehouse_hook

SUCCEEDED, FAILED, INTERRUPTED = 0, 1, 130

FetchLoads = Callable[[datetime, datetime], Mapping[datetime, Load]]


@command
def backfill(args: Namespace, screen: Screen) -> int:
    """Run the backfill that the command line describes."""
    return Backfill(Request.of(args), Metadata(), screen, _loads).run()


def _loads(first: datetime, last: datetime) -> Mapping[datetime, Load]:
    with explain_warehouse_errors():
        return loads(warehouse_hook(), first, last)


@dataclass
class Backfill:
    """
    One backfill, from the request to its exit status.

    :param request: the parsed command line
    :param metadata: Airflow's database
    :param screen: where to print
    :param fetch_loads: returns the last loads of the hours from a first to a last one
    """

    request: Request
    metadata: Metadata
    screen: Screen
    fetch_loads: FetchLoads
    backfill_id: int | None = None

    def run(self) -> int:
        """Create the backfill, follow it, and return the exit status."""
        plan, remarks = self._plan()
        self.screen.print(report.announcement(self.request, plan, remarks))
        if self.request.dry_run:
            self.screen.print(report.listing(self.request, plan))
            return SUCCEEDED
        if plan.count(Action.NEW, Action.AGAIN):
            self._create(plan)
        if not self.request.wait:
            return SUCCEEDED
        try:
            return self._follow(plan)
        except KeyboardInterrupt:
            self._report_detached(plan)
            return INTERRUPTED

    def _plan(self) -> tuple[Plan, list[str]]:
        checks.known_dag(self.metadata, self.request.dag_id)
        windows, is_cut = checks.ended_windows(self.metadata, self.request)
        plan = Plan(windows, {}, self.request.reprocess)
        runs = self.metadata.runs(self.request.dag_id, plan.first, plan.last)
        remarks = notes(self.request.start, self.request.end, windows, is_cut)
        return self._with_loads(replace(plan, runs=runs)), remarks

    def _with_loads(self, plan: Plan) -> Plan:
        """Add the loads of the plan's hours, which a run's success does not imply."""
        if self.request.dag_id != DAG_ID:
            return plan
        try:
            return replace(
                plan, loads=self.fetch_loads(plan.windows[0].start, plan.windows[-1].start)
            )
        except Refused as refusal:
            # The scheduler may still reach the warehouse.
            self.screen.print_error(f"Note: cannot check whether hours are loaded. {refusal}")
            return replace(plan, loads=None)

    def _create(self, plan: Plan) -> None:
        checks.able_to_run(self.metadata, self.request.dag_id)
        checks.no_other_backfill(self.metadata, self.request.dag_id, self.screen.print)
        try:
            self.backfill_id = self.metadata.create(self.request, plan)
        except AlreadyRunningBackfill:
            # Somebody created one since the check above.
            checks.no_other_backfill(self.metadata, self.request.dag_id, self.screen.print)
            raise
        except AirflowException as error:
            raise Refused(f"Airflow refuses this backfill: {error}") from error
        except KeyboardInterrupt:
            raise Refused(
                "Interrupted while the runs were being created, so none was. Airflow removes the "
                "empty backfill within three minutes; start again after that."
            ) from None
        self.screen.print(f"Created backfill {self.backfill_id}.")
        if not self.request.wait:
            self.screen.print(self._steering(plan, self.backfill_id))

    def _follow(self, plan: Plan) -> int:
        dag_id, began = self.request.dag_id, time.monotonic()

        def look() -> Runs:
            return self.metadata.runs(dag_id, plan.first, plan.last)

        def obstacle() -> str:
            return checks.obstacle(self.metadata, dag_id)

        with self.screen.progress() as show:
            runs = follow(plan.windows, look, obstacle, show)
        plan = self._with_loads(replace(plan, runs=runs))
        if not all(plan.holds(window) for window in plan.windows):
            self.screen.print(report.failure(self.request, plan, self._failed_tasks))
            return FAILED
        self.screen.print(report.success(self.request, plan, span(time.monotonic() - began)))
        return SUCCEEDED

    def _failed_tasks(self, run_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        return self.metadata.failed_tasks(self.request.dag_id, run_ids)

    def _report_detached(self, plan: Plan) -> None:
        if self.backfill_id is None:
            following = self.request.command(plan.first, plan.last)
            self.screen.print(f"Interrupted. The runs continue; follow them with: {following}")
        else:
            self.screen.print(
                f"Interrupted, but backfill {self.backfill_id} continues in the scheduler.\n"
                + self._steering(plan, self.backfill_id)
            )

    def _steering(self, plan: Plan, backfill_id: int) -> str:
        # Without an option that repeats runs, the command only follows what is under way.
        following = self.request.command(plan.first, plan.last)
        return report.steering(self.request.dag_id, backfill_id, following)
