-- One row per event of a known user, on any page, with name and level at that moment. Users are
-- derived from it, so a corrected file corrects them too.
create table if not exists user_events (
    event_time timestamp not null,  -- UTC, with milliseconds
    user_id bigint not null,  -- the user
    session_id bigint,  -- the user's session
    item_in_session integer,  -- position in the session, from 0
    page varchar(64),  -- NextSong, Home, Upgrade …
    level varchar(16),  -- free or paid, at that moment
    first_name varchar(256),  -- at that moment
    last_name varchar(256),  -- at that moment
    gender varchar(16)  -- F or M, at that moment
)
{%- if engine() == "redshift" %}
sortkey (event_time)
{%- else %};
create index if not exists user_events_event_time on user_events (event_time);
-- By day first, so that a load writes to its own days' pages, not to those of each user. Whoever
-- looks for a user's events names the days: those of hour_loads, which has every hour ever loaded.
create index if not exists user_events_day on user_events (cast(event_time as date), user_id);
-- Events by hour fit in memory: without it, each moment is expected to be an hour.
create statistics if not exists user_events_hours
on (date_trunc('hour', event_time)) from user_events
{%- endif %}
