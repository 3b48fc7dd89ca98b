-- A scheduled run finds recent events.
-- severity: warn
-- scope: table
-- returns: value
-- limit: {{ stale_hours() }}
-- fix: The newest event is older than the variable sparkify_stale_hours allows. Check whether the
--     app's files still arrive; a warning "Missing" in stage_events names those that did not.
{% if is_scheduled() -%}
select
    ({{ seconds(literal(window().end)) }} - {{ seconds("max(event_time)") }}) / 3600
        as hours_old,
    max(event_time) as newest_event
from user_events
where event_time < {{ literal(window().end) }}
{%- else -%}
select 0 as hours_old
{%- endif %}
