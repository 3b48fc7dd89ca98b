"""
### What Sparkify's users listen to, hour by hour

Each run loads one **window** of time from the source's event files, and any new song files.

| run | window |
|---|---|
| scheduled, or from a backfill | its hour and the lookback before it |
| manual, with a logical date | the same: 10:00 and 10:30 are in the hour from 10:00 to 11:00 |
| manual, with the params `start` and `end` | that range, be it an hour or a month |
| manual, with neither | refused |

The data interval that Airflow shows for a manual run is a different hour, and is ignored.

A run replaces exactly its window, with one transaction per table. **To repair anything, run its
window again**: a retry, another run and a backfill all do the same. What another run has read since
is left to that run, and the log says so.

*Stage* copies the files into tables of this run only. The *audit* stops the run before anything is
published if too many records could not be loaded, a file has vanished, an hour would lose all its
rows, or too many song files have been emptied; with the param `allow_removed` the run publishes
such removals. *Catalogue* is skipped if no song file is new. *Check* fails the run if the data in
the warehouse is wrong.

#### Troubleshooting

A failed check says what is wrong and what to do: fix that, and clear the task that it names. A
failed run keeps its staging tables for inspection. `docs/runbook.md` explains every message;
`airflow sparkify hours` lists the hours that need attention, and the commands that load them again;
`airflow sparkify audit` finds rows that something other than a run has changed. `load_runs` has the
balance sheet of every run, `quality_results` every check, `rejected_rows` each record that could
not be loaded; `drop_staging` logs the run's summary.

- **`audit_staged` failed**: nothing was published.
- **`check_quality` failed**: the window is published, and wrong.
- **a warning `files_missing`, "Missing: no file …"**: the file of that hour or day was not there.
  Once it is, run the hour again.
- **rejects "outside of what the file may hold"**: an event's time does not match its file's name.
  If files are split in a time zone other than UTC, set `sparkify_partition_timezone`; if lines
  stray into neighbouring files, set `sparkify_partition_slack`, in hours.
- **a warning `hours_as_loaded`**: events reached a file after its hours were loaded, and later than
  the lookback, or the file was corrected. The log names the hours. Load them again with a range run
  or, both ends inclusive, with `airflow dags backfill --reset-dagruns -s HOUR -e HOUR sparkify`.
- **a warning `keys_as_before`**: the source has renamed, lost or gained keys, or writes values of
  another kind. It is reported once; `sparkify_drift` makes it an error that stops the run.
- **"This run …", "A range run needs …", "The range is empty …"**: the window of the run is unclear.
  Trigger it again as the message shows. A param that is not a date is refused at once.

#### Settings

Connections `sparkify_warehouse` (type `redshift` or `postgres`) and `sparkify_s3` (type `aws`); for
alerts, `sparkify_mail` (type `smtp`, extra `to`) and `sparkify_slack` (type `slackwebhook`).
Variables `sparkify_source` and, each with a default, `sparkify_partition`,
`sparkify_partition_timezone`, `sparkify_partition_slack`, `sparkify_songs`, `sparkify_jsonpaths`,
`sparkify_manifest_prefix`, `sparkify_lookback_minutes`, `sparkify_statement_timeout_minutes`,
`sparkify_reject_limit`, `sparkify_drift`, `sparkify_stale_hours`, `sparkify_keep_staging_days`,
`sparkify_keep_rejects_days`.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import CronDataIntervalTimetable, Param, TaskGroup, TriggerRule

from sparkify.deadline import DeadlineDAG, due_within
from sparkify.lineage import asset
from sparkify.macros import MACROS, sql_files, sql_folder
from sparkify.operators.data_quality import DataQualityOperator
from sparkify.operators.defaults import DEFAULT_ARGS
from sparkify.operators.drop_staging import DropStagingOperator
from sparkify.operators.link_fact import LinkFactOperator
from sparkify.operators.load import Slice
from sparkify.operators.load_dimension import LoadDimensionOperator
from sparkify.operators.load_fact import LoadFactOperator
from sparkify.operators.s3_to_warehouse import S3ToWarehouseOperator
from sparkify.runs.alerts import late
from sparkify.runs.steps import AUDITED, BEGIN, BOOKKEEPING, ENDED, EXPIRED, PUBLISHED, STAGED
from sparkify.settings import STORAGE
from sparkify.window import MOMENT

# What every play must have; other NextSong events are rejected.
PLAY_RULES = {
    "a play without a user": "page = 'NextSong' and userid is null",
    "a play without a session": "page = 'NextSong' and sessionid is null",
    "a play without its place in the session": "page = 'NextSong' and iteminsession is null",
}

with DeadlineDAG(
    dag_id="sparkify",
    description="Loads Sparkify's logs and songs into a star schema",
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
            description="Load a range in one run, starting here; UTC unless it has an offset. "
            "Leave both empty to load the hour of the run's logical date.",
        ),
        "end": Param(
            None,
            type=["null", "string"],
            format="date-time",
            pattern=MOMENT,
            title="End of the range, such as 2018-12-01 or 2018-11-01T11:00:00Z",
            description="Exclusive: all of November 2018 is 2018-11-01 to 2018-12-01.",
        ),
        "allow_removed": Param(
            False,
            type="boolean",
            title="Publish removals",
            description="Publish even if a file that was loaded before is gone, or an hour that "
            "was loaded with events has none now, or many song files are empty. Their plays and "
            "songs are deleted.",
        ),
    },
    template_searchpath=str(sql_folder()),
    user_defined_macros=MACROS,
) as dag:
    with TaskGroup("stage", prefix_group_id=False, tooltip="Copy files into this run's tables"):
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
            user_column="userid",
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
        recorded=STAGED,
        afterwards=AUDITED,
        trigger_rule=TriggerRule.NONE_FAILED,
    )

    # Each step derives its table from the current one before it, whichever run changed that, so the
    # next run completes what a dead one left undone. One lock makes them take turns.
    with TaskGroup("catalogue", prefix_group_id=False, tooltip="Skipped if no song file is new"):
        load_song_copies = LoadFactOperator(
            task_id="load_song_copies",
            table="song_copies",
            sql="load/song_copies.sql",
            window="source_file in ({% include 'catalogue/newest.sql' %})",
            locks=["song_files"],
            afterwards=["catalogue/replace.sql", "catalogue/enter.sql"],
            figures="catalogue/files_left.sql",
            outlets=[asset("song_copies")],
            staged_by="stage_songs",
        )
        load_staging_songs = LoadDimensionOperator(
            task_id="load_staging_songs",
            table="staging_songs",
            sql="load/staging_songs.sql",
            key="song_id",
            locks=["song_files"],
            afterwards=["prune/staging_songs.sql"],
            outlets=[asset("staging_songs")],
            staged_by="stage_songs",
        )
        load_artists = LoadDimensionOperator(
            task_id="load_artists",
            table="artists",
            sql="load/artists.sql",
            key="artist_id",
            locks=["song_files"],
            outlets=[asset("artists")],
            staged_by="stage_songs",
        )
        load_songs = LoadDimensionOperator(
            task_id="load_songs",
            table="songs",
            sql="load/songs.sql",
            key="song_id",
            locks=["song_files"],
            afterwards=["prune/songs.sql", "prune/artists.sql"],
            outlets=[asset("songs")],
            staged_by="stage_songs",
        )

        link_songplays = LinkFactOperator(
            task_id="link_songplays",
            table="songplays",
            sql="link/songplays.sql",
            key="songplay_id",
            locks=["song_files", "songplays"],
            afterwards=["catalogue/publish.sql"],
        )

    with TaskGroup("plays", prefix_group_id=False, tooltip="Replace the window"):
        load_user_events = LoadFactOperator(
            task_id="load_user_events",
            table="user_events",
            sql="load/user_events.sql",
            at="event_time",
            window="{{ window().holds('event_time') }}",
            beforehand=["changes/events_before.sql"],
            afterwards=["changes/events.sql"],
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
        load_songplays = LoadFactOperator(
            task_id="load_songplays",
            table="songplays",
            names="load/repaired_names.sql",
            sql="load/songplays.sql",
            window="{{ window().holds('start_time') }}",
            at="start_time",
            locks=["songplays", "time", "users", *BOOKKEEPING],
            beforehand=["changes/plays_before.sql", "prune/replaced.sql"],
            agents="load/user_agents.sql",
            afterwards=[
                "prune/time.sql",
                "prune/user_agents.sql",
                Slice(
                    "session_hours",
                    "{{ window().touched_hours.holds('hour_start') }}",
                    "{% include 'load/session_hours.sql' %}",
                ),
                Slice(
                    "song_days",
                    "{{ window().touched_days.holds_days('day') }}",
                    "{% include 'load/song_days.sql' %}",
                ),
                "prune/users.sql",
                "changes/plays.sql",
                *PUBLISHED,
            ],
            if_omitted=["runs/published/run_left.sql"],
            figures="runs/published/matches.sql",
            trigger_rule=TriggerRule.NONE_FAILED,
            # Only now are they consistent, without rows that nothing refers to.
            outlets=[
                asset(table)
                for table in ("songplays", "users", "user_levels", "user_events", "time")
            ],
            staged_by="stage_events",
        )

    check_quality = DataQualityOperator(
        task_id="check_quality",
        checks=sql_files("quality"),
    )

    drop_staging = DropStagingOperator(
        task_id="drop_staging",
        datasets=["staging_events", "staging_songs"],
        changed_checks="runs/ended/changed_checks.sql",
        repaired_runs="runs/ended/repaired_runs.sql",
        checked_by=["audit_staged", "check_quality"],
        afterwards=ENDED,
        daily=EXPIRED,
    )

    [stage_events, stage_songs] >> audit_staged
    [stage_songs, audit_staged] >> load_song_copies >> load_staging_songs
    load_staging_songs >> load_artists >> load_songs >> link_songplays
    audit_staged >> [load_user_events, load_time]
    load_user_events >> [load_users, load_user_levels]
    [link_songplays, load_users, load_user_levels, load_time] >> load_songplays
    load_songplays >> check_quality >> drop_staging
