-- One row per distinct songplays.start_time.
create table if not exists time (
    start_time timestamp not null,
    hour smallint not null,
    day smallint not null,
    week smallint not null,
    month smallint not null,
    year smallint not null,
    weekday smallint not null,
    primary key (start_time)
)
{%- if engine() == "redshift" %}
diststyle all sortkey (start_time)
{%- endif %}
