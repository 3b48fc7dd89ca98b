-- One row per hour with a spell, held or expected, that differs from the users' events.
with moments as (
    -- One level per moment: of simultaneous events the last in the session counts.
    select
        user_id,
        event_time,
        level,
        row_number() over (
            partition by user_id, event_time
            order by
                coalesce(item_in_session, -1) desc,
                coalesce(session_id, -1) desc,
                level asc
        ) as recency
    from user_events
),

steps as (
    select
        user_id,
        event_time,
        level,
        row_number() over (partition by user_id order by event_time) as step,
        lag(level) over (partition by user_id order by event_time) as level_before
    from moments
    where recency = 1
),

spells as (
    select
        user_id,
        level,
        event_time as valid_from,
        lead(event_time) over (partition by user_id order by event_time) as valid_to
    from steps
    where
        step = 1
        or coalesce(level, '') <> coalesce(level_before, '')
),

compared as (
    select valid_from, 1 as held, 0 as expected, {{ row_version("user_levels") }} as version
    from user_levels
    union all
    select valid_from, 0 as held, 1 as expected, -{{ row_version("user_levels") }} as version
    from spells
)

select date_trunc('hour', valid_from) as hour_start, sum(held) as held, sum(expected) as expected
from compared
where {{ in_range("valid_from") }}
group by date_trunc('hour', valid_from)
having sum(held) <> sum(expected) or sum(version) <> 0
