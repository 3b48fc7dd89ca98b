-- The plays, and the events of known users, that the warehouse now holds of each hour of the run,
-- and their versions.
update hour_loads
set
    plays = counted.plays,
    plays_version = counted.plays_version,
    user_events = counted.user_events,
    user_events_version = counted.user_events_version
from (
    -- Not a join of the hours: of those just recorded the planner expects one, and would go through
    -- all plays by hour for each.
    select
        hour_start,
        sum(plays) as plays,
        sum(plays_version) as plays_version,
        sum(user_events) as user_events,
        sum(user_events_version) as user_events_version
    from (
        select
            hour_start,
            0 as plays,
            0 as plays_version,
            0 as user_events,
            0 as user_events_version
        from hour_loads
        where {{ window().touched_hours.holds("hour_start") }}
        union all
        select
            date_trunc('hour', start_time) as hour_start,
            count(*) as plays,
            sum({{ row_version("songplays") }}) as plays_version,
            0 as user_events,
            0 as user_events_version
        from songplays
        where {{ window().touched_hours.holds("start_time") }}
        group by date_trunc('hour', start_time)
        union all
        select
            date_trunc('hour', event_time) as hour_start,
            0 as plays,
            0 as plays_version,
            count(*) as user_events,
            sum({{ row_version("user_events") }}) as user_events_version
        from user_events
        where {{ window().touched_hours.holds("event_time") }}
        group by date_trunc('hour', event_time)
    ) as held
    group by hour_start
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
