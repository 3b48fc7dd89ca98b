-- Users with a play on each day: those whose first play ever is on that day, and the others.
with days as (
    select cast(hour_start as date) as day, user_id
    from session_hours
    where
        {{ in_range("hour_start") }}
        and {{ of_level_and_place() }}
    group by cast(hour_start as date), user_id
),

firsts as (
    select user_id, cast(min(hour_start) as date) as day
    from session_hours
    where {{ of_level_and_place() }}
    group by user_id
)

select
    days.day,
    sum(case when days.day = firsts.day then 1 else 0 end) as new_users,
    sum(case when days.day = firsts.day then 0 else 1 end) as returning_users
from days
inner join firsts on days.user_id = firsts.user_id
group by days.day
order by days.day
