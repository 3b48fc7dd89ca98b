-- One row per check and time it ran, passes included.
create table if not exists quality_results (
    run_id varchar(250) not null,
    task_id varchar(250) not null,
    check_name varchar(128) not null,
    severity varchar(16) not null,
    breaking_rows bigint not null,
    passed boolean not null,
    seconds double precision not null,
    checked_at timestamp not null
)
{%- if engine() == "redshift" %}
diststyle even sortkey (checked_at)
{%- endif %}
