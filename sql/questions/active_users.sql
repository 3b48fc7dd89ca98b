-- Users with a play on each day and in each ISO week and month, named by its first day. A period is
-- partial if some of its days_in_period are outside the range or not loaded; days_counted are the
-- others.
with played as (
    select cast(hour_start as date) as day, user_id
    from session_hours
    where
        {{ in_range("hour_start") }}
        and {{ of_level_and_place() }}
    group by cast(hour_start as date), user_id
),

counted as (
    -- One row per day in the range with a file.
    select cast(hour_start as date) as day
    from hour_loads
    where
        files > 0
        and {{ in_range("hour_start") }}
    union
    select day
    from played
),

days as (
    select
        counted.day,
        cast(date_trunc('week', counted.day) as date) as week,
        cast(date_trunc('month', counted.day) as date) as month,
        played.user_id
    from counted
    left join played on counted.day = played.day
),

periods as (
    select
        'day' as period,
        day as first_day,
        count(user_id) as users,
        1 as days_counted,
        1 as days_in_period
    from days
    group by day
    union all
    select
        'month' as period,
        month as first_day,
        count(distinct user_id) as users,
        count(distinct day) as days_counted,
        cast(date_trunc('month', month + 31) as date) - month as days_in_period
    from days
    group by month
    union all
    select
        'week' as period,
        week as first_day,
        count(distinct user_id) as users,
        count(distinct day) as days_counted,
        7 as days_in_period
    from days
    group by week
)

select
    period,
    first_day,
    users,
    days_counted < days_in_period as is_partial,
    days_counted,
    days_in_period
from periods
where users > 0
order by period, first_day
