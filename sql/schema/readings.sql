-- One row per reading: one run's look at the files of one dataset. They are numbered in the order
-- in which they began, before anything is listed, so the greater number saw files no older.
create table if not exists readings (
    reading bigint not null,
    dataset varchar(64) not null,
    run_id varchar(250) not null,
    began_at timestamp not null,
    primary key (reading)
)
{%- if engine() == "redshift" %}
diststyle all sortkey (reading)
{%- endif %}
