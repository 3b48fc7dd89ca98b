-- Users who played something in each day, ISO week and month, named by its first day.
with days as (
    select cast(hour_start as date) as day, user_id
    from session_hours
    where {{ in_range("hour_start") }}
    group by cast(hour_start as date), user_id
)

select 'day' as period, day as first_day, count(*) as users
from days
group by day
union all
select
    'month' as period,
    cast(date_trunc('month', day) as date) as first_day,
    count(distinct user_id) as users
from days
group by date_trunc('month', day)
union all
select
    'week' as period,
    cast(date_trunc('week', day) as date) as first_day,
    count(distinct user_id) as users
from days
group by date_trunc('week', day)
order by period, first_day
