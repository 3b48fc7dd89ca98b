-- One row per distinct songplays.start_time.
create table if not exists time (
    {{ primary_key("start_time") }}
    start_time timestamp not null,  -- UTC, with milliseconds
    hour smallint not null,  -- 0 to 23
    day smallint not null,  -- of the month
    week smallint not null,  -- ISO week, 1 to 53
    month smallint not null,  -- 1 to 12
    year smallint not null,  -- four digits
    weekday smallint not null  -- 0 is Sunday, 6 is Saturday
)
{%- if engine() == "redshift" %}
sortkey (start_time)
{%- endif %}
