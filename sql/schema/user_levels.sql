-- One row per spell of a user's level, from its first event (valid_from, inclusive) to the one that
-- ended it (valid_to, exclusive, null for the last).
create table if not exists user_levels (
    {{ primary_key("user_id", "valid_from") }}
    user_id bigint not null,  -- the user
    level varchar(16),  -- free or paid
    valid_from timestamp not null,  -- the first event of the spell
    valid_to timestamp  -- the first event after it; null for the last spell
)
{%- if engine() == "redshift" %}
sortkey (user_id, valid_from)
{%- else %};
create index if not exists user_levels_valid_from on user_levels (valid_from)
{%- endif %}
