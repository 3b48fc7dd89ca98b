-- Plays by weekday (0 is Sunday) and hour of the day, UTC.
select
    cast(extract(dow from hour_start) as smallint) as weekday,
    cast(extract(hour from hour_start) as smallint) as hour,
    sum(plays) as plays
from session_hours
where
    {{ in_range("hour_start") }}
    and {{ of_level_and_place() }}
group by 1, 2
order by weekday, hour
