-- One row per event as delivered; each run fills its own copy of this table.
create table if not exists staging_events (
    artist varchar(1024),  -- name of the artist played; null on other pages
    auth varchar(32),  -- Logged In, Logged Out …
    firstname varchar(256),  -- of the user
    gender varchar(16),  -- F or M
    iteminsession integer,  -- position in the session, from 0
    lastname varchar(256),  -- of the user
    length double precision,  -- duration of the song played, in seconds
    level varchar(16),  -- free or paid
    location varchar(512),  -- the user's location, from the app
    method varchar(16),  -- of the HTTP request
    page varchar(64),  -- NextSong, Home, Upgrade …
    registration double precision,  -- when the user registered, in epoch milliseconds
    sessionid bigint,  -- the user's session
    song varchar(1024),  -- title of the song played; null on other pages
    status integer,  -- of the HTTP response
    ts timestamp not null,  -- time of the event, UTC, with milliseconds
    useragent varchar(1024),  -- browser and system
    userid bigint  -- the user; null when logged out
)
{%- if engine() == "redshift" %}
diststyle even
{%- else %};
-- Events by hour fit in memory: without it, each moment is expected to be an hour.
create statistics if not exists staging_events_hours
on (date_trunc('hour', ts)) from staging_events
{%- endif %}
