"""
### What users listen to, as a file

Writes the page "Sparkify" as one HTML file, `what_users_listen_to.html`, that needs nothing else:
to be sent, put on a web server, opened by double click. Charts, their rows and their SQL, about all
that is loaded.

It runs when `sparkify` has loaded plays, and replaces the file of the run before. While a backfill
brings more, its runs are skipped, but for one an hour, and the last one. By hand it
always writes. It only reads the warehouse.

#### Settings

Connection `sparkify_warehouse`. Variable `sparkify_report_folder`: `file:///srv/reports` or
`s3://my-bucket/reports`, which is written to by the connection `sparkify_s3`; without it every run
is skipped. Whoever can read the file reads what is in it: Airflow's permissions end there.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, Asset

from sparkify.macros import MACROS
from sparkify.operators.defaults import DEFAULT_ARGS
from sparkify.operators.write_report import WriteReportOperator

with DAG(
    dag_id="sparkify_report",
    description="Writes what users listen to as one HTML file",
    doc_md=__doc__,
    schedule=[Asset("songplays")],
    start_date=datetime(2010, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["sparkify", "warehouse"],
    default_args=DEFAULT_ARGS,
    user_defined_macros=MACROS,
) as dag:
    WriteReportOperator(
        task_id="write_report",
        folder="{{ setting('report_folder') }}",
        loaded_by=("sparkify", "load_songplays"),
    )
