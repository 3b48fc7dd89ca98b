-- Plays by day (UTC) and the listener's level at the time.
select
    cast(hour_start as date) as day,
    sum(plays) as plays,
    sum(case when level = 'free' then plays else 0 end) as free_plays,
    sum(case when level = 'paid' then plays else 0 end) as paid_plays
from session_hours
where
    {{ in_range("hour_start") }}
    and {{ of_level_and_place() }}
group by cast(hour_start as date)
order by day
