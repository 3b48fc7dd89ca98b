"""
### What Sparkify's users listen to, hour by hour

Each run loads one **window** of time from the source's event files, and whatever song files are
new.

| run | window |
|---|---|
| scheduled, or of a backfill | its hour, and the lookback before it |
| by hand, with a logical date | the same: 10:00 and 10:30 are in the hour from 10:00 to 11:00 |
| by hand, with the params `start` and `end` | that range, a month as well as an hour |
| by hand, with neither | refused |

What Airflow shows as the data interval of a run by hand is another hour, and counts for nothing.

A run replaces exactly its window, table by table, each in one transaction. **To repair anything,
run its window again**: a retry, a second run and a backfill all do the same. What another run has
read since is left to that one, and the log says so.

*Stage* copies the files into tables of this run alone. The *audit* stops the run before anything is
published when too many records could not be loaded, a file has vanished, or an hour would lose all
it had; with the param `allow_removed` a run publishes what is gone. *Catalogue* is skipped
when no song file is new. *Check* fails the run when the warehouse is not right.

#### What you see, and what to do

A failed check says what is wrong, with examples, and what to do: mend that, and clear the task that
it names. A failed run leaves its staging tables for a look. `docs/runbook.md` has every message;
`airflow sparkify hours` tells which hours are not as they should be, and the command that loads
them again; `airflow sparkify audit` finds rows that something other than a run has changed.
`load_runs` is the balance sheet of every run, `quality_results` has every check, `rejected_rows`
each record that could not be loaded; `drop_staging` logs the run's summary.

- **`audit_staged` failed**: nothing was published.
- **`check_quality` failed**: the window is published, and wrong.
- **a warning "Missing: no file …"**: the file of that hour or day was not there. Once it is, run
  the hour again.
- **rejects "outside of what the file may hold"**: an event's time is not that of its file's name.
  Where files are cut in another zone than UTC, set `sparkify_partition_timezone`; where lines stray
  into the neighbouring files, `sparkify_partition_slack`, in hours.
- **a warning `hours_as_loaded`**: events came to a file after its hours were loaded, and later than
  the lookback, or the file was corrected. The log names the hours. Load them again, by a range run
  or, both ends inclusive, with `airflow dags backfill --reset-dagruns -s HOUR -e HOUR sparkify`.
- **"This run …", "A range run needs …", "The range is empty …"**: the run could not tell what to
  load. Trigger it anew, as the sentence shows. A param that is no date is refused at once.

#### Settings

Connections `sparkify_warehouse` (type `redshift` or `postgres`), `sparkify_s3` (type `aws`).
To be told of failures and late hours: `sparkify_mail` (type `smtp`, extra `to`), `sparkify_slack`
(type `slackwebhook`).
Variables `sparkify_source` and, each with a default, `sparkify_partition`,
`sparkify_partition_timezone`, `sparkify_partition_slack`, `sparkify_songs`, `sparkify_jsonpaths`,
`sparkify_manifest_prefix`,
`sparkify_lookback_minutes`, `sparkify_reject_limit`, `sparkify_stale_hours`,
`sparkify_keep_staging_days`, `sparkify_keep_rejects_days`.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Asset, CronDataIntervalTimetable, Param, TaskGroup, TriggerRule

from sparkify.deadline import DeadlineDAG, due_within
from sparkify.macros import MACROS, sql_files, sql_folder
from sparkify.operators.data_quality import DataQualityOperator
from sparkify.operators.defaults import DEFAULT_ARGS
from sparkify.operators.drop_staging import DropStagingOperator
from sparkify.operators.link_fact import LinkFactOperator
from sparkify.operators.load import Slice
from sparkify.operators.load_dimension import LoadDimensionOperator
from sparkify.operators.load_fact import LoadFactOperator
from sparkify.operators.repair_names import RepairNamesOperator
from sparkify.operators.s3_to_warehouse import S3ToWarehouseOperator
from sparkify.runs.alerts import late
from sparkify.runs.steps import BEGIN, ENDED, PUBLISHED, STAGED
from sparkify.settings import STORAGE
from sparkify.window import MOMENT

# What makes an event a play; a NextSong event without it is kept in rejected_rows.
PLAY_RULES = {
    "a play without a user": "page = 'NextSong' and userid is null",
    "a play without a session": "page = 'NextSong' and sessionid is null",
    "a play without its place in the session": "page = 'NextSong' and iteminsession is null",
}

with DeadlineDAG(
    dag_id="sparkify",
    description="Stages Sparkify's logs and songs, and keeps the star schema right",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("@hourly", timezone="UTC"),
    start_date=datetime(2010, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=16,
    deadline=due_within(timedelta(hours=1), late),
    tags=["sparkify", "warehouse"],
    default_args=DEFAULT_ARGS,
    params={
        "start": Param(
            None,
            type=["null", "string"],
            format="date-time",
            pattern=MOMENT,
            title="Start of the range, such as 2018-11-01 or 2018-11-01T10:00:00Z",
            description="Load a range in this one run, from this moment on; it is UTC where it "
            "names no zone. Leave both empty to load the hour of the run's logical date.",
        ),
        "end": Param(
            None,
            type=["null", "string"],
            format="date-time",
            pattern=MOMENT,
            title="End of the range, such as 2018-12-01 or 2018-11-01T11:00:00Z",
            description="The first moment after the range: for all of November 2018, "
            "2018-11-01 to 2018-12-01.",
        ),
        "allow_removed": Param(
            False,
            type="boolean",
            title="Publish removals",
            description="Publish although a file that was loaded before is gone, or an hour that "
            "was loaded with events has none now. Their plays are deleted.",
        ),
    },
    template_searchpath=str(sql_folder()),
    user_defined_macros=MACROS,
) as dag:
    with TaskGroup("stage", prefix_group_id=False, tooltip="Files into this run's own tables"):
        stage_events = S3ToWarehouseOperator(
            task_id="stage_events",
            table="{{ staging('staging_events') }}",
            dataset="staging_events",
            source="{{ setting('source') }}",
            patterns="{{ event_files() }}",
            rules=PLAY_RULES,
            named_by="sparkify_partition",
            partition="{{ setting('partition') }}",
            time_column="ts",
            beforehand=BEGIN,
            jsonpaths="{{ setting('jsonpaths') }}",
            aws_conn_id=STORAGE,
        )
        stage_songs = S3ToWarehouseOperator(
            task_id="stage_songs",
            table="{{ staging('staging_songs') }}",
            dataset="staging_songs",
            source="{{ setting('source') }}",
            patterns="{{ setting('songs') }}",
            named_by="sparkify_songs",
            only_new=True,
            aws_conn_id=STORAGE,
        )

    audit_staged = DataQualityOperator(
        task_id="audit_staged",
        checks=sql_files("audit"),
        beforehand=STAGED,
        trigger_rule=TriggerRule.NONE_FAILED,
    )

    # Each step makes its table what the one before it now says, whichever run changed that one; so
    # what a dead run left undone the next one does. They take turns by one lock.
    with TaskGroup("catalogue", prefix_group_id=False, tooltip="Skipped when no song is new"):
        load_song_copies = LoadFactOperator(
            task_id="load_song_copies",
            table="song_copies",
            sql="load/song_copies.sql",
            window="source_file in ({% include 'catalogue/newest.sql' %})",
            mutex="song_files",
            afterwards=["catalogue/replace.sql", "catalogue/enter.sql"],
            figures="catalogue/files_left.sql",
            outlets=Asset("song_copies"),
        )
        load_staging_songs = LoadDimensionOperator(
            task_id="load_staging_songs",
            table="staging_songs",
            sql="load/staging_songs.sql",
            key="song_id",
            mutex="song_files",
            afterwards=["prune/staging_songs.sql"],
            outlets=Asset("staging_songs"),
        )
        load_artists = LoadDimensionOperator(
            task_id="load_artists",
            table="artists",
            sql="load/artists.sql",
            key="artist_id",
            mutex="song_files",
            outlets=Asset("artists"),
        )
        load_songs = LoadDimensionOperator(
            task_id="load_songs",
            table="songs",
            sql="load/songs.sql",
            key="song_id",
            mutex="song_files",
            afterwards=["prune/songs.sql", "prune/artists.sql"],
            outlets=Asset("songs"),
        )

        link_songplays = LinkFactOperator(
            task_id="link_songplays",
            table="songplays",
            sql="link/songplays.sql",
            key="songplay_id",
            afterwards=["commit", "{{ lock('song_files') }}", "catalogue/publish.sql"],
        )

    with TaskGroup("plays", prefix_group_id=False, tooltip="The window, replaced"):
        load_user_events = LoadFactOperator(
            task_id="load_user_events",
            table="user_events",
            sql="load/user_events.sql",
            at="event_time",
            window="{{ window().holds('event_time') }}",
        )
        load_users = LoadDimensionOperator(
            task_id="load_users",
            table="users",
            sql="load/users.sql",
            key="user_id",
        )
        load_user_levels = LoadDimensionOperator(
            task_id="load_user_levels",
            table="user_levels",
            sql="load/user_levels.sql",
            key="user_id",
            afterwards=["prune/user_levels.sql"],
        )
        load_time = LoadDimensionOperator(
            task_id="load_time",
            table="time",
            sql="load/time.sql",
            key="start_time",
            at="start_time",
        )
        repair_names = RepairNamesOperator(
            task_id="repair_names",
            sql="load/repaired_names.sql",
        )
        load_songplays = LoadFactOperator(
            task_id="load_songplays",
            table="songplays",
            sql="load/songplays.sql",
            window="{{ window().holds('start_time') }}",
            at="start_time",
            also_locked=["users", "time"],
            afterwards=[
                "prune/time.sql",
                "prune/bereft.sql",
                Slice(
                    "session_hours",
                    "{{ window().touched_hours.holds('hour_start') }}",
                    "{% include 'load/session_hours.sql' %}",
                ),
                Slice(
                    "song_days",
                    "{{ window().touched_days.holds('day') }}",
                    "{% include 'load/song_days.sql' %}",
                ),
                "prune/users.sql",
                *PUBLISHED,
            ],
            where_left=["runs/published/figures_left.sql", "runs/published/run_left.sql"],
            figures="runs/published/matches.sql",
            trigger_rule=TriggerRule.NONE_FAILED,
            # Only now do they fit each other: what nothing refers to any more is out of them.
            outlets=[
                Asset(table)
                for table in ("songplays", "users", "user_levels", "user_events", "time")
            ],
        )

    check_quality = DataQualityOperator(
        task_id="check_quality",
        checks=sql_files("quality"),
    )

    drop_staging = DropStagingOperator(
        task_id="drop_staging",
        datasets=["staging_events", "staging_songs"],
        afterwards=ENDED,
    )

    [stage_events, stage_songs] >> audit_staged
    [stage_songs, audit_staged] >> load_song_copies >> load_staging_songs
    load_staging_songs >> load_artists >> load_songs >> link_songplays
    audit_staged >> [load_user_events, load_time, repair_names]
    load_user_events >> [load_users, load_user_levels]
    [link_songplays, load_users, load_user_levels, load_time, repair_names] >> load_songplays
    load_songplays >> check_quality >> drop_staging
