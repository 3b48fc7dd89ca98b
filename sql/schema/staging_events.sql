-- One row per event as delivered; each run fills its own copy of this table.
create table if not exists staging_events (
    artist varchar(1024),
    auth varchar(32),
    firstname varchar(256),
    gender varchar(16),
    iteminsession integer,
    lastname varchar(256),
    length double precision,
    level varchar(16),
    location varchar(512),
    method varchar(16),
    page varchar(64),
    registration double precision,
    sessionid bigint,
    song varchar(1024),
    status integer,
    ts timestamp not null,
    useragent varchar(1024),
    userid bigint
)
{%- if engine() == "redshift" %}
diststyle even
{%- endif %}
