-- Users whose first play is in the range, by the ISO week of it, named by its first day; and how
-- many of them have a play that many weeks later, as a number and as a share. The weeks in which
-- the range begins and ends may be partial.
with firsts as (
    select user_id, min(hour_start) as first_hour
    from session_hours
    where {{ of_level_and_place() }}
    group by user_id
),

weeks as (
    select user_id, cast(date_trunc('week', hour_start) as date) as week
    from session_hours
    where
        {{ in_range("hour_start") }}
        and {{ of_level_and_place() }}
    group by user_id, cast(date_trunc('week', hour_start) as date)
),

counted as (
    select
        cast(date_trunc('week', firsts.first_hour) as date) as first_week,
        (weeks.week - cast(date_trunc('week', firsts.first_hour) as date)) / 7 as weeks_later,
        count(*) as users
    from firsts
    inner join weeks on firsts.user_id = weeks.user_id
    where {{ in_range("firsts.first_hour") }}
    group by 1, 2
)

select
    later.first_week,
    later.weeks_later,
    later.users,
    first_weeks.users as first_users,
    cast(cast(later.users as double precision) / first_weeks.users as numeric(5, 4)) as share
from counted as later
inner join counted as first_weeks
    on
        later.first_week = first_weeks.first_week
        and first_weeks.weeks_later = 0
order by later.first_week, later.weeks_later
