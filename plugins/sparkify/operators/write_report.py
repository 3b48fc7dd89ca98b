"""Write what users listen to as a file."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from sparkify.lineage import Executed, Lineage, Location, file_dataset
from sparkify.macros import sql_files, statement
from sparkify.operators.errors import VisibleErrorsMixin
from sparkify.operators.lineage import LineageMixin
from sparkify.page.files import REPORT
from sparkify.sources.open import open_source
from sparkify.warehouse import connection_of, warehouse_hook

MAX_AGE = timedelta(hours=1)
"""How old the report may become while more plays are being loaded."""

UNFINISHED = [
    "null", "scheduled", "queued", "running", "restarting", "deferred", "up_for_retry",
    "up_for_reschedule",
]  # fmt: skip


class WriteReportOperator(VisibleErrorsMixin, LineageMixin):
    """
    Write the page "Sparkify" as one HTML file, replacing the previous one.

    Of the many runs that a backfill triggers nearly all are skipped: while more plays are being
    loaded, the run that they trigger will write the report, until the file is an hour old.

    :param folder: URL of a folder or a prefix in a bucket (templated); skip if empty
    :param loaded_by: ids of the DAG and the task that load plays
    """

    template_fields: Sequence[str] = ("folder",)
    ui_color = "#d8ecc9"

    def __init__(self, *, folder: str, loaded_by: tuple[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder = folder
        self.loaded_by = loaded_by

    def execute(self, context: Context) -> None:
        """Write the report, unless there is no folder for it or a later run will write it."""
        if not self.folder:
            raise AirflowSkipException(
                "There is no folder for the report: set the variable sparkify_report_folder to a "
                "folder, such as file:///srv/reports, or to s3://my-bucket/reports."
            )
        folder = open_source(self.folder, "report_folder")
        self._leave_to_later_run(context, folder.written_at(REPORT))
        # Imported here, because they are slow to import.
        from sparkify.page.questions import Filters
        from sparkify.page.report import report

        page = report(Filters()).encode()
        folder.write(REPORT, page, "text/html; charset=utf-8")
        self.log.info("Wrote %s, %.1f MB, to %s", REPORT, len(page) / 1e6, self.folder)

    def lineage(self) -> Lineage:
        """Return what the questions read, and the file."""
        lineage = Lineage(Location.of(connection_of(warehouse_hook())))
        files = sql_files("questions").values()
        lineage.add(*(Executed(statement(file)) for file in files))
        lineage.write(*file_dataset(f"{self.folder.rstrip('/')}/{REPORT}"))
        return lineage

    def _leave_to_later_run(self, context: Context, written_at: datetime | None) -> None:
        # A manual run always writes.
        if not context["triggering_asset_events"] or written_at is None:
            return
        if (age := datetime.now(UTC) - written_at) > MAX_AGE:
            return
        task: Any = context["ti"]
        dag_id, task_id = self.loaded_by
        loads = task.get_ti_count(dag_id=dag_id, task_ids=[task_id], states=UNFINISHED)
        reports = task.get_dr_count(dag_id=task.dag_id, states=["queued"])
        if loads or reports:
            raise AirflowSkipException(
                f"{loads} loads of plays and {reports} reports are pending, and the report is only "
                f"{age.total_seconds() / 60:.0f} minutes old, so it is left to them."
            )
