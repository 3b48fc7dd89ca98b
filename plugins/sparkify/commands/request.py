"""One call of ``airflow dags backfill``: what is wanted, and the sentence that refuses it."""

import json
import shlex
from argparse import Namespace
from dataclasses import dataclass
from typing import Any

from sparkify.commands.arguments import MAX_ACTIVE_RUNS
from sparkify.commands.windows import Bound, Reprocess


class Refused(Exception):  # noqa: N818 - it names what happens to the person's request
    """Why a backfill is not created, and what to do; printed as it is."""


@dataclass(frozen=True)
class Request:
    """The options, with what is left out filled in."""

    dag_id: str
    start: Bound
    end: Bound
    reprocess: Reprocess
    max_active_runs: int
    backwards: bool
    conf: dict[str, Any] | None
    dry_run: bool
    wait: bool

    @classmethod
    def of(cls, args: Namespace) -> "Request":
        """The request that the parsed arguments make."""
        start, end = args.start_date or args.end_date, args.end_date or args.start_date
        if start is None:
            raise Refused(
                "No range: give its first and its last logical date, such as "
                f"airflow dags backfill -s 2018-11-01 -e 2018-11-01T23:00 {args.dag_id}"
            )
        if start.moment > end.moment:
            raise Refused(
                f"The range is empty: its start {start.text} is after its end {end.text}. "
                "Give the earlier one to -s and the later one to -e."
            )
        return cls(
            dag_id=args.dag_id,
            start=start,
            end=end,
            reprocess=_reprocess(args),
            max_active_runs=args.max_active_runs,
            backwards=args.run_backwards,
            conf=args.conf,
            dry_run=args.dry_run,
            wait=not args.no_wait,
        )

    def command(self, *options: str) -> str:
        """The command that asks for the same range with these options."""
        words = ["airflow", "dags", "backfill", "-s", self.start.text, "-e", self.end.text]
        if self.max_active_runs != MAX_ACTIVE_RUNS:
            words += ["--max-active-runs", str(self.max_active_runs)]
        if self.conf is not None:
            words += ["--conf", json.dumps(self.conf)]
        if self.backwards:
            words.append("--run-backwards")
        return shlex.join([*words, *options, self.dag_id])


def _reprocess(args: Namespace) -> Reprocess:
    if args.reset_dagruns:
        return Reprocess.COMPLETED
    return Reprocess.FAILED if args.rerun_failed_tasks else Reprocess.NONE
