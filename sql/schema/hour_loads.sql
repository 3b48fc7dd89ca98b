-- One row per hour that a run was asked to load: by which run last, by which it was loaded, and
-- what was found. Plays are those of the warehouse; events are those of known users in the files,
-- and the content is their version, when the hour was loaded and when its files were last read;
-- the readings are those of either. Rejects are those of its files. The versions of plays and user
-- events are sums over their rows, as they were published: what changes rows later without being a
-- run does not change them. Damage names the tables in which that was found, until the hour is
-- loaded again.
create table if not exists hour_loads (
    hour_start timestamp not null,
    asked_by varchar(250) not null,
    loaded_by varchar(250),
    loaded_at timestamp,
    loaded_reading bigint,
    plays bigint not null,
    plays_version numeric(38, 0),
    user_events bigint,
    user_events_version numeric(38, 0),
    damage varchar(250),
    events_loaded bigint,
    events_in_files bigint,
    content_loaded numeric(38, 0),
    content_in_files numeric(38, 0),
    files_reading bigint,
    files_read_at timestamp,
    files bigint,
    rejects bigint,
    primary key (hour_start)
)
{%- if engine() == "redshift" %}
diststyle all sortkey (hour_start)
{%- endif %}
