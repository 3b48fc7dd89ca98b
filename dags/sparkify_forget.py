"""
### Forget users

For a person who asks to be erased. Trigger it with the user's id and a reason, such as the number
of the request; neither needs a name.

It deletes all that the warehouse holds of these users, in one transaction: plays, events, levels
and the users themselves, their part of every summary, their rejects, and their data that running
loads have staged. Their ids go to `forgotten_users`, and every later load of the same files leaves
the users out. A reject that is not one whole record of one user keeps its file, line and reason,
but no text. Loads wait for it, people who read the warehouse do not; `sparkify_report` writes the
report anew.

**This cannot be undone.** Without the confirmation, a run fails with what it would erase.

`docs/forgetting.md` says what it does not reach: the source files, backups and old logs.

#### Troubleshooting

A run that is reading files while users are forgotten starts that task again. Should `check_quality`
of `sparkify` find a forgotten user, run this DAG again with the same ids.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from sparkify.lineage import asset
from sparkify.macros import MACROS, sql_folder
from sparkify.operators.defaults import DEFAULT_ARGS
from sparkify.operators.forget_users import ForgetUsersOperator

with DAG(
    dag_id="sparkify_forget",
    description="Erases users, and leaves them out of later loads",
    doc_md=__doc__,
    schedule=None,
    is_paused_upon_creation=False,
    start_date=datetime(2010, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["sparkify", "warehouse"],
    default_args=DEFAULT_ARGS,
    params={
        "user_ids": Param(
            [],
            type="array",
            items={"type": "integer"},
            minItems=1,
            title="Ids of the users",
            description="A list, such as [10, 24].",
        ),
        "reason": Param(
            "",
            type="string",
            minLength=1,
            maxLength=250,
            title="Why",
            description="Such as the number of the request. It is kept: write no name.",
        ),
        "confirm": Param(
            "",
            type=["null", "string"],
            title="Confirmation",
            description="Leave it empty to see what would be erased; then type forget 2 users, "
            "or how many they are.",
        ),
    },
    template_searchpath=str(sql_folder()),
    user_defined_macros=MACROS,
) as dag:
    ForgetUsersOperator(
        task_id="forget_users",
        tables=["songplays", "user_events", "user_levels", "users", "session_hours"],
        summaries=["song_days", "time", "user_agents"],
        locks=["songplays", "time", "user_events", "user_levels", "users"],
        dataset="staging_events",
        column="userid",
        beforehand=[
            "erase/hours_held.sql",
            "erase/song_days_held.sql",
            "erase/starts_held.sql",
            "erase/agents_held.sql",
            "erase/changes.sql",
        ],
        afterwards=[
            "erase/hours.sql",
            "erase/continued_hours.sql",
            "erase/song_days.sql",
            "erase/song_days_unplayed.sql",
            "erase/time.sql",
            "erase/user_agents.sql",
        ],
        outlets=[asset("songplays")],
    )
