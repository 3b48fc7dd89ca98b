-- Every hour of the files that were read holds the plays with which it was loaded, and no others.
-- severity: warn
-- fix: Something but the hour's own run put plays in it or took them out; it is not this run's to
--     answer for. airflow sparkify hours names the hours and what loads them again, airflow
--     sparkify audit whatever else was changed; if it comes again, look for a load that does not
--     keep to its window.
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
