-- One row per table and day in which a run changed what had been loaded before, and what it changed
-- there: only hours that were loaded before count, so a first load changes nothing. Songs change
-- alone if their names are repaired while the plays stay as they are.
create table if not exists load_changes (
    run_id varchar(250) not null,  -- the run that made the change
    table_name varchar(64) not null,  -- songplays, user_events or song_days
    day date not null,  -- UTC
    rows_before bigint not null,  -- of the reloaded hours of that day
    rows_after bigint not null,  -- of the same hours
    rows_added bigint not null,  -- not there before
    rows_removed bigint not null,  -- there no longer
    rows_changed bigint not null,  -- with other values
    users_before bigint not null,  -- in those rows
    users_after bigint not null,  -- in those rows
    files_changed bigint not null,  -- files of the day that are not as when it was loaded before
    changed_file varchar(1024),  -- one of them, the first by name
    changed_at timestamp not null  -- UTC
)
{%- if engine() == "redshift" %}
sortkey (day)
{%- else %};
create index if not exists load_changes_day on load_changes (day)
{%- endif %}
