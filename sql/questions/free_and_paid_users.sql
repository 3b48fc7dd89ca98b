-- Users with a play on each day, by level; one who changed level counts as both.
select
    cast(hour_start as date) as day,
    count(distinct case when level = 'free' then user_id end) as free_users,
    count(distinct case when level = 'paid' then user_id end) as paid_users
from session_hours
where
    {{ in_range("hour_start") }}
    and {{ of_level_and_place() }}
group by cast(hour_start as date)
order by day
