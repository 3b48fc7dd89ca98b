"""A request to ``airflow dags backfill``, and the exception that refuses it."""

import json
import shlex
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sparkify.cli.arguments import MAX_ACTIVE_RUNS
from sparkify.cli.windows import Bound, Reprocess
from sparkify.runs.hours import DAG_ID

COMMAND = ("airflow", "dags", "backfill")


class Refused(Exception):  # noqa: N818 - it names what happens to the request
    """Why a command refuses to work, and what to do; printed as it is."""


def has_range(conf: Mapping[str, Any] | None) -> bool:
    """Whether a run of the DAG ``sparkify`` with this conf loads a range instead of its hour."""
    # The trigger form passes the params that were left empty, too.
    return any((conf or {}).get(param) for param in ("start", "end"))


def check_order(start: Bound | None, end: Bound | None) -> None:
    """Refuse a range that ends before it begins."""
    if start and end and start.moment > end.moment:
        raise Refused(
            f"The range is empty: its start {start.text} is after its end {end.text}. "
            "Give the earlier one to -s and the later one to -e."
        )


@dataclass(frozen=True)
class Request:
    """The parsed options, including defaults."""

    dag_id: str
    start: Bound
    end: Bound
    reprocess: Reprocess
    max_active_runs: int
    backwards: bool
    conf: dict[str, Any] | None
    dry_run: bool
    wait: bool
    api_url: str | None = None

    @classmethod
    def of(cls, args: Namespace) -> "Request":
        """Create the request from the parsed arguments."""
        start, end = args.start_date or args.end_date, args.end_date or args.start_date
        if start is None:
            raise Refused(
                "No range: give its first and its last logical date, such as "
                f"airflow dags backfill -s 2018-11-01 -e 2018-11-01T23:00 {args.dag_id}"
            )
        check_order(start, end)
        if args.dag_id == DAG_ID and has_range(args.conf):
            raise Refused(
                f"Each run of a backfill of {DAG_ID} loads its hour, but with the params start and "
                "end each would load that range. Load the range in one run: "
                f"{shlex.join(['airflow', 'dags', 'trigger', DAG_ID, '-c', json.dumps(args.conf)])}"
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
            api_url=args.api_url,
        )

    @property
    def run_conf(self) -> dict[str, Any] | None:
        """The conf of every run; None keeps that of a repeated run."""
        # An existing run may have been triggered with a range, which must not be loaded again.
        return self.conf or {} if self.dag_id == DAG_ID else self.conf

    @property
    def place(self) -> list[str]:
        """The options that say where Airflow is."""
        return ["--api-url", self.api_url] if self.api_url else []

    def command(self, first: datetime, last: datetime, *more: str) -> str:
        """Return the command for the windows of these logical dates, with further options."""
        words = [*COMMAND, *bounds(first, last), *self.place]
        if self.max_active_runs != MAX_ACTIVE_RUNS:
            words += ["--max-active-runs", str(self.max_active_runs)]
        if self.conf is not None:
            words += ["--conf", json.dumps(self.conf)]
        if self.backwards:
            words.append("--run-backwards")
        return shlex.join([*words, *more, self.dag_id])


def bounds(first: datetime, last: datetime) -> list[str]:
    """Return the options for the logical dates from first to last, both inclusive."""
    start, end = (moment.isoformat().removesuffix("+00:00") for moment in (first, last))
    return ["-s", start.removesuffix(":00"), "-e", end.removesuffix(":00")]


def _reprocess(args: Namespace) -> Reprocess:
    if args.reset_dagruns:
        return Reprocess.COMPLETED
    return Reprocess.FAILED if args.rerun_failed_tasks else Reprocess.NONE
