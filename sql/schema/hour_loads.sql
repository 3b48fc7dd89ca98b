-- One row per hour that a run was asked to load: the run asked last, the run that loaded it, and
-- what was found. Plays are in the warehouse; events are those of known users in the files, and
-- content is their version, both as loaded and as last read, each with its reading. Rejects are
-- those of its files. The versions of plays and user events are sums over the rows as published, so
-- later changes by anything but a run do not show in them. Damage names the damaged tables until
-- the hour is loaded again.
create table if not exists hour_loads (
    {{ primary_key("hour_start") }}
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
    rejects bigint
)
{%- if engine() == "redshift" %}
sortkey (hour_start)
{%- endif %}
