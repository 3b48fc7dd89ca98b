"""
### What users listen to, as a file

Writes the page "Sparkify" as one self-contained HTML file, `what_users_listen_to.html`, to send, to
serve or to open from disk: charts, their rows and their SQL, for everything that is loaded.

It runs when `sparkify` has loaded plays, and replaces the previous file. While a backfill is
loading more, all runs but one per hour and the last are skipped. A manual run always writes. The
DAG only reads from the warehouse.

#### Settings

Connection `sparkify_warehouse`. Variable `sparkify_report_folder`: `file:///srv/reports`, or
`s3://my-bucket/reports`, which is written through the connection `sparkify_s3`; without it every
run is skipped. Airflow's permissions do not protect the file: whoever can read it sees its data.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG

from sparkify.lineage import asset
from sparkify.macros import MACROS
from sparkify.operators.defaults import DEFAULT_ARGS
from sparkify.operators.write_report import WriteReportOperator

with DAG(
    dag_id="sparkify_report",
    description="Writes what users listen to as one HTML file",
    doc_md=__doc__,
    schedule=[asset("songplays")],
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
