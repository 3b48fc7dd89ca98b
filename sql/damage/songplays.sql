-- One row per hour whose plays differ from those it was loaded with.
select
    coalesce(held.hour_start, as_loaded.hour_start) as hour_start,
    coalesce(held.plays, 0) as held,
    coalesce(as_loaded.plays, 0) as expected
from (
    select
        date_trunc('hour', start_time) as hour_start,
        count(*) as plays,
        sum({{ row_version("songplays") }}) as version
    from songplays
    where {{ in_range("start_time") }}
    group by date_trunc('hour', start_time)
) as held
full outer join (
    select hour_start, plays, plays_version
    from hour_loads
    where {{ in_range("hour_start") }}
) as as_loaded on held.hour_start = as_loaded.hour_start
where
    coalesce(held.plays, 0) <> coalesce(as_loaded.plays, 0)
    or coalesce(held.version, 0) <> as_loaded.plays_version
