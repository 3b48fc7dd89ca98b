"""Writes what users listen to as a file."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from sparkify.operators.errors import VisibleErrorsMixin
from sparkify.page.files import REPORT
from sparkify.sources.open import open_source

YOUNG = timedelta(hours=1)
"""Age up to which a report may wait for more plays to come into it."""

UNFINISHED = [
    "null", "scheduled", "queued", "running", "restarting", "deferred", "up_for_retry",
    "up_for_reschedule",
]  # fmt: skip


class WriteReportOperator(VisibleErrorsMixin):
    """
    Write the page "Sparkify" as one HTML file, in place of the last one.

    Of the many runs that a backfill triggers nearly all are skipped: where more plays are on their
    way, the report is left to the run that they will trigger, until the last one is an hour old.

    :param folder: URL of the folder, or of the prefix in a bucket (templated); empty: skipped
    :param loaded_by: id of the DAG, and of its task, that brings plays
    """

    template_fields: Sequence[str] = ("folder",)
    ui_color = "#d8ecc9"

    def __init__(self, *, folder: str, loaded_by: tuple[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder = folder
        self.loaded_by = loaded_by

    def execute(self, context: Context) -> None:
        """Write it, unless there is no place for it, or another run will."""
        if not self.folder:
            raise AirflowSkipException(
                "There is no place for the report: set the variable sparkify_report_folder to a "
                "folder, such as file:///srv/reports, or to s3://my-bucket/reports."
            )
        place = open_source(self.folder, "report_folder")
        self._leave_it_to_a_later_run(context, place.written_at(REPORT))
        # What only this needs takes a moment to import.
        from sparkify.page.questions import Range
        from sparkify.page.report import report

        page = report(Range()).encode()
        place.write(REPORT, page, "text/html; charset=utf-8")
        self.log.info("Wrote %s, %.1f MB, to %s", REPORT, len(page) / 1e6, self.folder)

    def _leave_it_to_a_later_run(self, context: Context, written_at: datetime | None) -> None:
        # Who asks for it by hand gets it.
        if not context["triggering_asset_events"] or written_at is None:
            return
        if (age := datetime.now(UTC) - written_at) > YOUNG:
            return
        task: Any = context["ti"]
        dag_id, task_id = self.loaded_by
        loads = task.get_ti_count(dag_id=dag_id, task_ids=[task_id], states=UNFINISHED)
        reports = task.get_dr_count(dag_id=task.dag_id, states=["queued"])
        if loads or reports:
            raise AirflowSkipException(
                f"{loads} loads of plays and {reports} reports are on their way, and the report is "
                f"{age.total_seconds() / 60:.0f} minutes old: it is left to them."
            )
