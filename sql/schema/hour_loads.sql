-- One row per hour that a run was asked to load: by which run last, by which it was loaded, and
-- what was found. Plays are those of the warehouse; events are those of known users in the files,
-- when the hour was loaded and when its files were last read; rejects are those of its files.
create table if not exists hour_loads (
    hour_start timestamp not null,
    asked_by varchar(250) not null,
    loaded_by varchar(250),
    loaded_at timestamp,
    plays bigint not null,
    events_loaded bigint,
    events_in_files bigint,
    files_read_at timestamp,
    files bigint,
    rejects bigint,
    primary key (hour_start)
)
{%- if engine() == "redshift" %}
diststyle all sortkey (hour_start)
{%- endif %}
