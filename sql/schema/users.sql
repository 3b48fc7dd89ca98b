-- One row per user seen in any event with a user id, as of the latest event.
create table if not exists users (
    {{ primary_key("user_id") }}
    user_id bigint not null,  -- the user
    first_name varchar(256),  -- as last seen
    last_name varchar(256),  -- as last seen
    gender varchar(16),  -- F or M
    level varchar(16),  -- free or paid, as last seen
    last_seen_at timestamp not null  -- time of the latest event, UTC
)
{%- if engine() == "redshift" %}
sortkey (user_id)
{%- else %};
create index if not exists users_last_seen_at on users (last_seen_at)
{%- endif %}
