-- One row per session and hour: a summary of songplays for questions of who listens and when.
create table if not exists session_hours (
    hour_start timestamp not null,  -- UTC
    user_id bigint not null,  -- the listener
    session_id bigint not null,  -- the user's session
    level varchar(16),  -- free or paid, at play time
    location varchar(512),  -- the user's location, from the app
    plays integer not null,  -- number of plays
    first_play timestamp not null,  -- start of the first play, UTC
    last_play timestamp not null  -- start of the last play, UTC
)
{%- if engine() == "redshift" %}
sortkey (hour_start)
{%- else %};
create index if not exists session_hours_hour_start on session_hours (hour_start)
{%- endif %}
