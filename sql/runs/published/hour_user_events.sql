-- The events of known users the warehouse now holds of each hour of the run, and their version.
update hour_loads
set
    user_events = counted.events,
    user_events_version = counted.version
from (
    select
        touched.hour_start,
        coalesce(held.events, 0) as events,
        coalesce(held.version, 0) as version
    from hour_loads as touched
    left join (
        select
            date_trunc('hour', event_time) as hour_start,
            count(*) as events,
            sum({{ row_version("user_events") }}) as version
        from user_events
        where {{ window().touched_hours.holds("event_time") }}
        group by date_trunc('hour', event_time)
    ) as held on touched.hour_start = held.hour_start
    where {{ window().touched_hours.holds("touched.hour_start") }}
) as counted
where hour_loads.hour_start = counted.hour_start
