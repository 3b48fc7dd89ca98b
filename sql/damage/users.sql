-- One row per hour with a user, held or expected to be last seen in it, who differs from the latest
-- event. A user without events counts.
with latest as (
    select user_id, max(event_time) as event_time
    from user_events
    group by user_id
),

ranked as (
    -- One row per user: of simultaneous events the last in the session.
    select
        user_events.user_id,
        user_events.first_name,
        user_events.last_name,
        user_events.gender,
        user_events.level,
        user_events.event_time as last_seen_at,
        row_number() over (
            partition by user_events.user_id
            order by
                coalesce(user_events.item_in_session, -1) desc,
                coalesce(user_events.session_id, -1) desc,
                user_events.level asc,
                user_events.first_name asc,
                user_events.last_name asc,
                user_events.gender asc
        ) as recency
    from user_events
    inner join latest
        on
            user_events.user_id = latest.user_id
            and user_events.event_time = latest.event_time
),

compared as (
    select last_seen_at, 1 as held, 0 as expected, {{ row_version("users") }} as version
    from users
    union all
    select last_seen_at, 0 as held, 1 as expected, -{{ row_version("users") }} as version
    from ranked
    where recency = 1
)

select date_trunc('hour', last_seen_at) as hour_start, sum(held) as held, sum(expected) as expected
from compared
where {{ in_range("last_seen_at") }}
group by date_trunc('hour', last_seen_at)
having sum(held) <> sum(expected) or sum(version) <> 0
