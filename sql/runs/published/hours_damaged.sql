-- Hours of the run's files, but not its own, that no longer hold the plays they were loaded with:
-- something other than a run changed them.
update hour_loads
set damage = 'songplays'
from (
    select
        other.hour_start,
        coalesce(held.plays, 0) as plays
    from hour_loads as other
    left join (
        select date_trunc('hour', start_time) as hour_start, count(*) as plays
        from songplays
        where {{ in_event_files("start_time") }}
        group by date_trunc('hour', start_time)
    ) as held on other.hour_start = held.hour_start
    where {{ in_event_files("other.hour_start") }}
) as counted
where
    hour_loads.hour_start = counted.hour_start
    and hour_loads.plays <> counted.plays
    and hour_loads.damage is null
