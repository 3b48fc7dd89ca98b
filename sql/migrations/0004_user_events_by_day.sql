-- The index by user alone made loads slower the longer the history was.
{% if engine() == "postgres" -%}
drop index if exists user_events_user_id
{%- endif %}
