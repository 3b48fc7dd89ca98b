-- One row per session and hour: a summary of songplays for questions of who listens and when.
create table if not exists session_hours (
    hour_start timestamp not null,
    user_id bigint not null,
    session_id bigint not null,
    level varchar(16),
    location varchar(512),
    plays integer not null,
    first_play timestamp not null,
    last_play timestamp not null
)
{%- if engine() == "redshift" %}
sortkey (hour_start)
{%- else %};
create index if not exists session_hours_hour_start on session_hours (hour_start)
{%- endif %}
