-- Checks of the warehouse by the day they ran, latest first, whatever the range: how many ran, and
-- how many warned or failed.
select
    cast(checked_at as date) as day,
    count(*) as checks,
    sum(case when passed then 0 when severity = 'warn' then 1 else 0 end) as warnings,
    sum(case when passed or severity = 'warn' then 0 else 1 end) as failures
from quality_results
group by cast(checked_at as date)
order by day desc
limit 400
