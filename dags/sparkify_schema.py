"""
### The warehouse's tables and views

Migrates the tables of an earlier version, creates what is missing and keeps the rest; each question
in `sql/questions` becomes a view of the same name. The comments in the SQL files become those of
the tables, columns and views, which BI tools show. With the param `recreate` it first drops all
tables **with all their data**, but for `forgotten_users`; load them again with a range run of
`sparkify`. With the param `access` it creates the roles `sparkify_analyst` and `sparkify_reader`,
whose grants later runs renew: see `docs/access.md`.

Run it before the first run of `sparkify`, and after every upgrade of this project.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from sparkify.macros import MACROS, sql_files, sql_folder
from sparkify.operators.create_views import CreateViewsOperator
from sparkify.operators.defaults import DEFAULT_ARGS
from sparkify.operators.describe_tables import DescribeTablesOperator
from sparkify.operators.grant_access import GrantAccessOperator
from sparkify.operators.migrate_tables import MigrateTablesOperator
from sparkify.operators.warehouse import ExecuteSQLOperator

TABLES = [
    "staging_events",
    "staging_songs",
    "song_files",
    "song_copies",
    "songplays",
    "user_events",
    "user_levels",
    "users",
    "forgotten_users",
    "songs",
    "artists",
    "time",
    "session_hours",
    "song_days",
    "repaired_names",
    "user_agents",
    "rejected_rows",
    "readings",
    "file_ledger",
    "file_ends",
    "continued_hours",
    "file_keys",
    "key_changes",
    "load_runs",
    "hour_loads",
    "load_changes",
    "quality_results",
    "write_mutex",
    "schema_migrations",
]

# Neither records as delivered, which hold what the star leaves out, nor what only runs need.
ANALYSED = [
    *("songplays", "users", "songs", "artists", "time", "user_levels", "user_events"),
    *("session_hours", "song_days", "repaired_names", "user_agents"),
    *("load_runs", "hour_loads", "file_ledger", "load_changes", "quality_results"),
]

# Of places, of user agents, or of loads.
NOT_FOR_READERS = {
    "changed_numbers",
    "check_results",
    "devices",
    "hours",
    "listeners_by_place",
    "rejected_records",
    "source_changes",
    "what_is_loaded",
}

with DAG(
    dag_id="sparkify_schema",
    description="Creates the warehouse's tables and views",
    doc_md=__doc__,
    schedule=None,
    is_paused_upon_creation=False,
    start_date=datetime(2010, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["sparkify", "warehouse"],
    default_args=DEFAULT_ARGS,
    params={
        "recreate": Param(
            False,
            type="boolean",
            title="Drop all tables first",
            description="All data in the warehouse's tables is lost; load it again afterwards.",
        ),
        "access": Param(
            False,
            type="boolean",
            title="Create the roles of analysts and readers",
            description="The connection's user has to be allowed to create roles and a schema. "
            "Once they exist, every run renews their grants.",
        ),
    },
    template_searchpath=str(sql_folder()),
    user_defined_macros=MACROS,
) as dag:
    drop_tables = ExecuteSQLOperator(
        task_id="drop_tables",
        sql=[
            f"{{{{ 'drop table if exists {table} cascade' if params.recreate else 'select 1' }}}}"
            for table in TABLES
            # Whom people asked to forget is in no source file.
            if table != "forgotten_users"
        ],
    )
    migrate_tables = MigrateTablesOperator(
        task_id="migrate_tables",
        migrations=sql_files("migrations"),
        record="schema/schema_migrations.sql",
    )
    create_tables = ExecuteSQLOperator(
        task_id="create_tables",
        # One text that is then split, because Redshift's driver runs one statement at a time.
        sql=";\n".join(
            f"{{% include '{file}' %}}" for file in (f"schema/{table}.sql" for table in TABLES)
        ),
        split_statements=True,
    )

    create_views = CreateViewsOperator(
        task_id="create_views",
        views=sql_files("views"),
        dependents=list(sql_files("questions")),
    )

    create_answers = CreateViewsOperator(
        task_id="create_answers",
        views=sql_files("questions"),
        dated=True,
    )

    describe_tables = DescribeTablesOperator(
        task_id="describe_tables",
        tables={table: f"schema/{table}.sql" for table in TABLES},
        views=sql_files("views") | sql_files("questions"),
    )

    grant_access = GrantAccessOperator(
        task_id="grant_access",
        views=sql_files("reader"),
        questions={
            name: file
            for name, file in sql_files("questions").items()
            if name not in NOT_FOR_READERS
        },
        analysed=[*ANALYSED, *sql_files("views"), *sql_files("questions")],
    )

    drop_tables >> migrate_tables >> create_tables >> create_views >> create_answers
    create_answers >> [describe_tables, grant_access]
