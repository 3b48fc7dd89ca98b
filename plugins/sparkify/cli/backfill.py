"""``airflow dags backfill``: every interval of a range run, followed, and accounted for."""

import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from airflow.models.backfill import AlreadyRunningBackfill
from airflow.sdk.exceptions import AirflowException

from sparkify.cli import checks, report
from sparkify.cli.failures import asking_the_warehouse, command
from sparkify.cli.follow import Runs, follow, span
from sparkify.cli.metadata import Metadata
from sparkify.cli.request import Refused, Request
from sparkify.cli.screen import Screen
from sparkify.cli.windows import Fate, Plan, notes
from sparkify.runs.hours import DAG_ID, Load, loads
from sparkify.warehouse import warehouse_hook

SUCCEEDED, FAILED, INTERRUPTED = 0, 1, 130

AskLoads = Callable[[datetime, datetime], Mapping[datetime, Load]]


@command
def backfill(args: Namespace, screen: Screen) -> int:
    """Do what the command line asks for."""
    return Backfill(Request.of(args), Metadata(), screen, _loads).run()


def _loads(first: datetime, last: datetime) -> Mapping[datetime, Load]:
    with asking_the_warehouse():
        return loads(warehouse_hook(), first, last)


class Backfill:
    """
    One backfill, from the request to its exit status.

    :param request: what is wanted
    :param metadata: Airflow's database
    :param screen: where it is told
    :param ask_loads: by which runs the hours from a first to a last one were loaded
    """

    def __init__(
        self, request: Request, metadata: Metadata, screen: Screen, ask_loads: AskLoads
    ) -> None:
        self.request = request
        self.metadata = metadata
        self.screen = screen
        self.ask_loads = ask_loads
        self.backfill_id: int | None = None

    def run(self) -> int:
        """Create the backfill and follow it; return the exit status."""
        plan, remarks = self._plan()
        self.screen.say(report.announcement(self.request, plan, remarks))
        if self.request.dry_run:
            self.screen.say(report.listing(self.request, plan))
            return SUCCEEDED
        if plan.count(Fate.NEW, Fate.AGAIN):
            self._create(plan)
        if not self.request.wait:
            return SUCCEEDED
        try:
            return self._follow(plan)
        except KeyboardInterrupt:
            self._say_it_goes_on(plan)
            return INTERRUPTED

    def _plan(self) -> tuple[Plan, list[str]]:
        checks.known_dag(self.metadata, self.request.dag_id)
        windows, is_cut = checks.ended_windows(self.metadata, self.request)
        plan = Plan(windows, {}, self.request.reprocess)
        runs = self.metadata.runs(self.request.dag_id, plan.first, plan.last)
        remarks = notes(self.request.start, self.request.end, windows, is_cut)
        return self._with_loads(replace(plan, runs=runs)), remarks

    def _with_loads(self, plan: Plan) -> Plan:
        """What the warehouse has of the plan's hours: that a run succeeded does not say it."""
        if self.request.dag_id != DAG_ID:
            return plan
        try:
            return replace(
                plan, loads=self.ask_loads(plan.windows[0].start, plan.windows[-1].start)
            )
        except Refused as refusal:
            # The scheduler may reach it even so.
            self.screen.complain(f"Note: whether hours are loaded cannot be seen. {refusal}")
            return replace(plan, loads=None)

    def _create(self, plan: Plan) -> None:
        checks.able_to_run(self.metadata, self.request.dag_id)
        checks.no_other_backfill(self.metadata, self.request.dag_id, self.screen.say)
        try:
            self.backfill_id = self.metadata.create(self.request, plan)
        except AlreadyRunningBackfill:
            # Somebody was faster, between the check and here.
            checks.no_other_backfill(self.metadata, self.request.dag_id, self.screen.say)
            raise
        except AirflowException as error:
            raise Refused(f"Airflow refuses this backfill: {error}") from error
        except KeyboardInterrupt:
            raise Refused(
                "Interrupted while the runs were being created, so none was. Airflow clears the "
                "empty backfill away within three minutes; start again then."
            ) from None
        self.screen.say(f"Created backfill {self.backfill_id}.")
        if not self.request.wait:
            self.screen.say(self._steering(plan, self.backfill_id))

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
            self.screen.say(report.failure(self.request, plan, self._failed_tasks))
            return FAILED
        self.screen.say(report.success(plan, span(time.monotonic() - began)))
        return SUCCEEDED

    def _failed_tasks(self, run_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        return self.metadata.failed_tasks(self.request.dag_id, run_ids)

    def _say_it_goes_on(self, plan: Plan) -> None:
        if self.backfill_id is None:
            following = self.request.command(plan.first, plan.last)
            self.screen.say(f"Interrupted. The runs go on; follow them: {following}")
        else:
            self.screen.say(
                f"Interrupted, but backfill {self.backfill_id} goes on: the scheduler runs it.\n"
                + self._steering(plan, self.backfill_id)
            )

    def _steering(self, plan: Plan, backfill_id: int) -> str:
        # Without an option that repeats runs, it only follows what is under way.
        following = self.request.command(plan.first, plan.last)
        return report.steering(self.request.dag_id, backfill_id, following)
