-- One row per check and execution, passes included; no value means it could not be checked.
create table if not exists quality_results (
    run_id varchar(250) not null,
    task_id varchar(250) not null,
    window_start timestamp not null,
    window_end timestamp not null,
    check_name varchar(128) not null,
    severity varchar(16) not null,
    scope varchar(16) not null,
    value double precision,
    limit_value double precision not null,
    passed boolean not null,
    seconds double precision not null,
    checked_at timestamp not null
)
{%- if engine() == "redshift" %}
sortkey (checked_at)
{%- else %};
create index if not exists quality_results_checked_at on quality_results (checked_at)
{%- endif %}
