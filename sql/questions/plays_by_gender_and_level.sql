-- Users and plays by the user's gender, as last seen, and level at the time of the play; one who
-- changed level counts at both.
with listeners as (
    select user_id, level, sum(plays) as plays
    from session_hours
    where
        {{ in_range("hour_start") }}
        and {{ of_level_and_place() }}
    group by user_id, level
)

select
    coalesce(users.gender, '(unknown)') as gender,
    coalesce(listeners.level, '(unknown)') as level,
    count(*) as users,
    cast(sum(listeners.plays) as bigint) as plays
from listeners
left join users on listeners.user_id = users.user_id
group by coalesce(users.gender, '(unknown)'), coalesce(listeners.level, '(unknown)')
order by gender, level
