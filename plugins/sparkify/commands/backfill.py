"""``airflow dags backfill``: every interval of a range run, followed, and accounted for."""

import sys
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace

from airflow.models.backfill import AlreadyRunningBackfill
from airflow.sdk.exceptions import AirflowException
from airflow.utils import cli as cli_utils
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from rich.console import Console

from sparkify.commands import checks, report
from sparkify.commands.follow import Progress, Runs, follow, span
from sparkify.commands.metadata import Metadata
from sparkify.commands.request import Refused, Request
from sparkify.commands.screen import Screen
from sparkify.commands.windows import Fate, Plan, notes

LOADED, FAILED, INTERRUPTED = 0, 1, 130


@cli_utils.action_cli  # type: ignore[untyped-decorator]
@cli_utils.suppress_logs_and_warning
@providers_configuration_loaded
def backfill(args: Namespace) -> None:
    """Do what the command line asks for, and end the process with the exit status."""
    screen = Screen(Console(), Console(stderr=True))
    try:
        sys.exit(Backfill(Request.of(args), Metadata(), screen).run())
    except Refused as refusal:
        screen.complain(str(refusal))
        sys.exit(FAILED)


class Backfill:
    """
    One backfill, from the request to its exit status.

    :param request: what is wanted
    :param metadata: Airflow's database
    :param screen: where it is told
    """

    def __init__(self, request: Request, metadata: Metadata, screen: Screen) -> None:
        self.request = request
        self.metadata = metadata
        self.screen = screen
        self.backfill_id: int | None = None

    def run(self) -> int:
        """Create the backfill and follow it; return the exit status."""
        plan, remarks = self._plan()
        self.screen.say(report.announcement(self.request, plan, remarks))
        if self.request.dry_run:
            self.screen.say(report.listing(self.request, plan))
            return LOADED
        if plan.count(Fate.NEW, Fate.AGAIN):
            self._create(plan)
        if not self.request.wait:
            return LOADED
        try:
            return self._follow(plan)
        except KeyboardInterrupt:
            self._say_it_goes_on()
            return INTERRUPTED

    def _plan(self) -> tuple[Plan, list[str]]:
        checks.known_dag(self.metadata, self.request.dag_id)
        windows, is_cut = checks.ended_windows(self.metadata, self.request)
        plan = Plan(windows, {}, self.request.reprocess)
        runs = self.metadata.runs(self.request.dag_id, plan.first, plan.last)
        remarks = notes(self.request.start, self.request.end, windows, is_cut)
        return replace(plan, runs=runs), remarks

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
            self.screen.say(self._steering(self.backfill_id))

    def _follow(self, plan: Plan) -> int:
        dag_id, began = self.request.dag_id, time.monotonic()

        def look() -> Runs:
            return self.metadata.runs(dag_id, plan.first, plan.last)

        def obstacle() -> str:
            return checks.obstacle(self.metadata, dag_id)

        with self.screen.progress() as show:
            runs = follow(plan.windows, look, obstacle, show)
        if Progress.of(plan.windows, runs).failed:
            self.screen.say(report.failure(self.request, plan, runs, self._failed_tasks))
            return FAILED
        self.screen.say(report.success(plan, span(time.monotonic() - began)))
        return LOADED

    def _failed_tasks(self, run_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        return self.metadata.failed_tasks(self.request.dag_id, run_ids)

    def _say_it_goes_on(self) -> None:
        if self.backfill_id is None:
            self.screen.say(f"Interrupted. The runs go on; follow them: {self.request.command()}")
        else:
            self.screen.say(
                f"Interrupted, but backfill {self.backfill_id} goes on: the scheduler runs it.\n"
                + self._steering(self.backfill_id)
            )

    def _steering(self, backfill_id: int) -> str:
        # Without an option that repeats runs, the same command only follows what is under way.
        return report.steering(self.request.dag_id, backfill_id, self.request.command())
