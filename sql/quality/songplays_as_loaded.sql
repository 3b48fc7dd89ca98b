-- Every hour of the files read holds exactly the plays it was loaded with.
-- severity: warn
-- quotes: hour_of_plays, plays_held, hour_loaded, plays_as_loaded
-- fix: Something other than the hour's own run added or removed plays, so this run does not fail.
--     airflow sparkify hours shows the hours and how to load them again, airflow sparkify audit all
--     other changes. If it happens again, look for a load that ignores its window.
select
    held.hour_start as hour_of_plays,
    held.plays as plays_held,
    as_loaded.hour_start as hour_loaded,
    as_loaded.plays as plays_as_loaded
from (
    select date_trunc('hour', start_time) as hour_start, count(*) as plays
    from songplays
    where {{ in_event_files("start_time") }}
    group by date_trunc('hour', start_time)
) as held
full outer join (
    select hour_start, plays
    from hour_loads
    where {{ in_event_files("hour_start") }}
) as as_loaded on held.hour_start = as_loaded.hour_start
where coalesce(held.plays, 0) <> coalesce(as_loaded.plays, 0)
