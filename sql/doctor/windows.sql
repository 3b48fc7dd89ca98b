-- Ranks, neighbours and running sums are computed by window.
-- fix: Users, spells of a level and states of hours are computed like this. Do not load; report what
--     the warehouse says.
create temp table doctor_events as
select 1 as user_id, 1 as moment, cast('free' as varchar(8)) as level
union all
select 1 as user_id, 2 as moment, cast('paid' as varchar(8)) as level
union all
select 1 as user_id, 3 as moment, cast(null as varchar(8)) as level;

select moment, recency, level_before, moment_after, running_sum
from (
    select
        moment,
        row_number() over (
            partition by user_id
            order by moment desc, coalesce(level, '') asc
        ) as recency,
        lag(level) over (partition by user_id order by moment) as level_before,
        lead(moment) over (partition by user_id order by moment) as moment_after,
        sum(moment) over (
            order by moment
            rows between unbounded preceding and current row
        ) as running_sum
    from doctor_events
) as ranked
where
    moment = 2
    and (recency <> 2 or level_before <> 'free' or moment_after <> 3 or running_sum <> 3)
