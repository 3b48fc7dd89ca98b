-- One row per hour whose summary by session differs from its plays.
with derived as (
    select
        date_trunc('hour', start_time) as hour_start,
        user_id,
        session_id,
        level,
        location,
        count(*) as plays,
        min(start_time) as first_play,
        max(start_time) as last_play
    from songplays
    where {{ in_range("start_time") }}
    group by date_trunc('hour', start_time), user_id, session_id, level, location
),

compared as (
    select hour_start, 1 as held, 0 as expected, {{ row_version("session_hours") }} as version
    from session_hours
    where {{ in_range("hour_start") }}
    union all
    select hour_start, 0 as held, 1 as expected, -{{ row_version("session_hours") }} as version
    from derived
)

select hour_start, sum(held) as held, sum(expected) as expected
from compared
group by hour_start
having sum(held) <> sum(expected) or sum(version) <> 0
