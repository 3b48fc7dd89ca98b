-- One row per hour that a run was asked to load: the run asked last, the run that loaded it, and
-- what was found. Plays are in the warehouse; events are those of known users in the files, and
-- content is their version, both as loaded and as last read, each with its reading. Rejects are
-- those of its files. The versions of plays and user events are sums over the rows as published, so
-- later changes by anything but a run do not show in them. Damage names the damaged tables until
-- the hour is loaded again.
create table if not exists hour_loads (
    {{ primary_key("hour_start") }}
    hour_start timestamp not null,  -- UTC
    asked_by varchar(250) not null,  -- the run asked last to load it
    loaded_by varchar(250),  -- the run that loaded it
    loaded_at timestamp,  -- when it did, UTC
    loaded_reading bigint,  -- the reading that it published
    plays bigint not null,  -- in the warehouse
    plays_version numeric(38, 0),  -- sum over the plays as published
    user_events bigint,  -- in the warehouse
    user_events_version numeric(38, 0),  -- sum over the user events as published
    damage varchar(250),  -- names of damaged tables; null if there are none
    events_loaded bigint,  -- events of known users, as loaded
    events_in_files bigint,  -- events of known users, as last read
    content_loaded numeric(38, 0),  -- version of those events, as loaded
    content_in_files numeric(38, 0),  -- version of those events, as last read
    files_reading bigint,  -- the reading that last saw its files
    files_read_at timestamp,  -- when it did, UTC
    files bigint,  -- files that may hold the hour
    rejects bigint  -- rejected records in those files
)
{%- if engine() == "redshift" %}
sortkey (hour_start)
{%- endif %}
