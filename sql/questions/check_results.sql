-- The checks of the warehouse by day: how often they ran, and how often rows broke them.
select
    cast(checked_at as date) as day,
    count(*) as checks,
    sum(case when passed then 0 when severity = 'warn' then 1 else 0 end) as warnings,
    sum(case when passed or severity = 'warn' then 0 else 1 end) as failures
from quality_results
where {{ in_range("checked_at") }}
group by cast(checked_at as date)
order by day
