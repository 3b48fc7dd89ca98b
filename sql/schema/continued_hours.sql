-- One row per hour and reading that went on where an earlier one had ended: what the files held of
-- the hour according to that one. Events are those of known users, content is their version.
create table if not exists continued_hours (
    reading bigint not null,  -- the number of the reading that went on
    hour_start timestamp not null,  -- UTC
    events bigint not null,  -- events of known users
    content numeric(38, 0) not null  -- version of those events
)
{%- if engine() == "redshift" %}
sortkey (reading)
{%- else %};
create index if not exists continued_hours_reading on continued_hours (reading)
{%- endif %}
