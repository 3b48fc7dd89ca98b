-- One row per hour whose events of known users differ from those it was loaded with.
select
    coalesce(held.hour_start, as_loaded.hour_start) as hour_start,
    coalesce(held.events, 0) as held,
    coalesce(as_loaded.user_events, 0) as expected
from (
    select
        date_trunc('hour', event_time) as hour_start,
        count(*) as events,
        sum({{ row_version("user_events") }}) as version
    from user_events
    where {{ in_range("event_time") }}
    group by date_trunc('hour', event_time)
) as held
full outer join (
    select hour_start, user_events, user_events_version
    from hour_loads
    where {{ in_range("hour_start") }}
) as as_loaded on held.hour_start = as_loaded.hour_start
where
    coalesce(held.events, 0) <> coalesce(as_loaded.user_events, 0)
    or coalesce(held.version, 0) <> as_loaded.user_events_version
