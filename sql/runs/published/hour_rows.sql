-- The plays, and the events of known users, that the warehouse now holds of each hour of the run,
-- and their versions.
update hour_loads
set
    plays = counted.plays,
    plays_version = counted.plays_version,
    user_events = counted.user_events,
    user_events_version = counted.user_events_version
from (
    select
        touched.hour_start,
        coalesce(played.plays, 0) as plays,
        coalesce(played.version, 0) as plays_version,
        coalesce(seen.events, 0) as user_events,
        coalesce(seen.version, 0) as user_events_version
    from hour_loads as touched
    left join (
        -- Counted before the join: the planner underestimates new plays, and would rescan them.
        select
            date_trunc('hour', start_time) as hour_start,
            count(*) as plays,
            sum({{ row_version("songplays") }}) as version
        from songplays
        where {{ window().touched_hours.holds("start_time") }}
        group by date_trunc('hour', start_time)
    ) as played on touched.hour_start = played.hour_start
    left join (
        select
            date_trunc('hour', event_time) as hour_start,
            count(*) as events,
            sum({{ row_version("user_events") }}) as version
        from user_events
        where {{ window().touched_hours.holds("event_time") }}
        group by date_trunc('hour', event_time)
    ) as seen on touched.hour_start = seen.hour_start
    where {{ window().touched_hours.holds("touched.hour_start") }}
) as counted
where
    hour_loads.hour_start = counted.hour_start
    -- Of many years of hours few have changed.
    and (
        hour_loads.plays_version is null
        or hour_loads.user_events_version is null
        or hour_loads.plays <> counted.plays
        or hour_loads.plays_version <> counted.plays_version
        or hour_loads.user_events <> counted.user_events
        or hour_loads.user_events_version <> counted.user_events_version
    )
