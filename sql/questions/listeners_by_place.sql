-- Users and plays by where the plays came from: the 50 places with the most users.
select
    coalesce(location, '(unknown)') as place,
    count(distinct user_id) as users,
    sum(plays) as plays
from session_hours
where
    {{ in_range("hour_start") }}
    and {{ of_level_and_place() }}
group by coalesce(location, '(unknown)')
order by users desc, plays desc, place asc
limit 50
