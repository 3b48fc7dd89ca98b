-- The plays that the warehouse now holds of each hour that the run touches.
update hour_loads
set plays = counted.plays
from (
    select
        touched.hour_start,
        count(songplays.start_time) as plays
    from hour_loads as touched
    left join songplays
        on
            touched.hour_start = date_trunc('hour', songplays.start_time)
            and {{ in_touched_hours("songplays.start_time") }}
    where {{ in_touched_hours("touched.hour_start") }}
    group by touched.hour_start
) as counted
where hour_loads.hour_start = counted.hour_start
