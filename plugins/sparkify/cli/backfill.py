"""``airflow dags backfill``: run every interval of a range, follow the runs and report."""

import os
import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sparkify.cli import checks, report
from sparkify.cli.deployment import AlreadyRunning, Deployment
from sparkify.cli.failures import command, explain_warehouse_errors, remote_command
from sparkify.cli.follow import Runs, follow, span
from sparkify.cli.request import Refused, Request
from sparkify.cli.screen import Screen
from sparkify.cli.windows import Action, Plan, notes
from sparkify.runs.hours import DAG_ID, Load, loads
from sparkify.settings import WAREHOUSE
from sparkify.warehouse import warehouse_hook

SUCCEEDED, FAILED, INTERRUPTED = 0, 1, 130

FetchLoads = Callable[[datetime, datetime], Mapping[datetime, Load]]


def backfill(args: Namespace) -> None:
    """Run the backfill that the command line describes."""
    (_over_rest if args.api_url else _on_metadata)(args)


@command
def _on_metadata(args: Namespace, screen: Screen) -> int:
    from sparkify.cli.metadata import Metadata

    return Backfill(Request.of(args), Metadata(), screen, _loads).run()


@remote_command
def _over_rest(args: Namespace, screen: Screen) -> int:
    from sparkify.cli.rest import Rest

    return Backfill(Request.of(args), Rest.at(args.api_url), screen, _loads_by_environment).run()


def _loads(first: datetime, last: datetime) -> Mapping[datetime, Load]:
    with explain_warehouse_errors():
        return loads(warehouse_hook(), first, last)


def _loads_by_environment(first: datetime, last: datetime) -> Mapping[datetime, Load]:
    """Return the loads without asking Airflow's database for the connection."""
    variable = f"AIRFLOW_CONN_{WAREHOUSE.upper()}"
    if variable not in os.environ:
        raise Refused(f"To have it checked, set {variable}.")
    return _loads(first, last)


@dataclass
class Backfill:
    """
    One backfill, from the request to its exit status.

    :param request: the parsed command line
    :param deployment: the Airflow that runs it
    :param screen: where to print
    :param fetch_loads: returns the last loads of the hours from a first to a last one
    """

    request: Request
    deployment: Deployment
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
        checks.known_dag(self.deployment, self.request.dag_id)
        windows, is_cut = checks.ended_windows(self.deployment, self.request)
        plan = Plan(windows, {}, self.request.reprocess)
        runs = self.deployment.runs(self.request.dag_id, plan.first, plan.last)
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
        checks.able_to_run(self.deployment, self.request.dag_id)
        checks.no_other_backfill(self.deployment, self.request, self.screen.print)
        try:
            self.backfill_id = self.deployment.create(self.request, plan)
        except AlreadyRunning:
            # Somebody created one since the check above.
            checks.no_other_backfill(self.deployment, self.request, self.screen.print)
            raise Refused(
                f"Somebody else has just created a backfill of {self.request.dag_id}; try again."
            ) from None
        self.screen.print(f"Created backfill {self.backfill_id}.")
        if not self.request.wait:
            self.screen.print(self._steering(plan, self.backfill_id))

    def _follow(self, plan: Plan) -> int:
        dag_id, began = self.request.dag_id, time.monotonic()

        def look() -> Runs:
            return self.deployment.runs(dag_id, plan.first, plan.last)

        def obstacle() -> str:
            return checks.obstacle(self.deployment, dag_id)

        with self.screen.progress() as show:
            silence = f"{self.deployment.name} does not answer."
            runs = follow(plan.windows, look, obstacle, show, self.deployment.outage, silence)
        plan = self._with_loads(replace(plan, runs=runs))
        if not all(plan.holds(window) for window in plan.windows):
            web_address = self.deployment.web_address
            self.screen.print(report.failure(self.request, plan, self._failed_tasks, web_address))
            return FAILED
        self.screen.print(report.success(self.request, plan, span(time.monotonic() - began)))
        return SUCCEEDED

    def _failed_tasks(self, run_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        return self.deployment.failed_tasks(self.request.dag_id, run_ids)

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
        return report.steering(
            self.deployment.web_address, self.request.dag_id, backfill_id, following
        )
