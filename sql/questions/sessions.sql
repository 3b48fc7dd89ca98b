-- Sessions with at least one play, by plays in the range: sessions, plays, and average minutes from
-- the first play's start to the last one's.
with sessions as (
    select
        user_id,
        session_id,
        sum(plays) as plays,
        ({{ seconds("max(last_play)") }} - {{ seconds("min(first_play)") }}) / 60 as minutes
    from session_hours
    where
        {{ in_range("hour_start") }}
        and {{ of_level_and_place() }}
    group by user_id, session_id
),

classes as (
    select
        plays,
        minutes,
        case
            when plays = 1 then 1
            when plays <= 5 then 2
            when plays <= 10 then 6
            when plays <= 20 then 11
            when plays <= 50 then 21
            else 51
        end as plays_from
    from sessions
)

select
    plays_from,
    case plays_from when 1 then 1 when 2 then 5 when 6 then 10 when 11 then 20 when 21 then 50 end
        as plays_to,
    count(*) as sessions,
    sum(plays) as plays,
    cast(avg(minutes) as numeric(12, 1)) as average_minutes
from classes
group by plays_from
order by plays_from
