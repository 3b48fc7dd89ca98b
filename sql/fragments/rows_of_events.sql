-- One row per event of a known user that this run loads again: its identity and its version.
select
    cast('user_events' as varchar(64)) as table_name,
    cast(hour_loads.hour_start as date) as day,
    {{ content("event_time", "user_id", "session_id", "item_in_session", "page") }} as id,
    user_events.user_id,
    {{ row_version("user_events") }} as version
from user_events
inner join hour_loads
    on
        date_trunc('hour', user_events.event_time) = hour_loads.hour_start
        and hour_loads.loaded_by is not null
where {{ window().holds("user_events.event_time") }}
