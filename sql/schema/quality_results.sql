-- One row per check and execution, passes included; no value means it could not be checked.
create table if not exists quality_results (
    run_id varchar(250) not null,  -- the run that made the check
    task_id varchar(250) not null,  -- the task that made the check
    window_start timestamp not null,  -- of the run, UTC
    window_end timestamp not null,  -- of the run, UTC, exclusive
    check_name varchar(128) not null,  -- name of the check's file
    severity varchar(16) not null,  -- error fails the run, warn does not
    scope varchar(16) not null,  -- window or table: which rows the check looks at
    value double precision,  -- what the check measured; null if it could not be made
    limit_value double precision not null,  -- the highest value that passes
    passed boolean not null,  -- whether it holds
    seconds double precision not null,  -- duration of the check
    checked_at timestamp not null  -- UTC
)
{%- if engine() == "redshift" %}
sortkey (checked_at)
{%- else %};
create index if not exists quality_results_checked_at on quality_results (checked_at)
{%- endif %}
