-- The plays the warehouse now holds of each hour of the run, and their version.
update hour_loads
set
    plays = counted.plays,
    plays_version = counted.version
from (
    select
        touched.hour_start,
        coalesce(held.plays, 0) as plays,
        coalesce(held.version, 0) as version
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
    ) as held on touched.hour_start = held.hour_start
    where {{ window().touched_hours.holds("touched.hour_start") }}
) as counted
where
    hour_loads.hour_start = counted.hour_start
    -- Of many years of hours few have changed.
    and (
        hour_loads.plays <> counted.plays
        or hour_loads.plays_version is null
        or hour_loads.plays_version <> counted.version
    )
