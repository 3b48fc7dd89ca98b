-- One row per spell of each user whose spells the run's window may have changed.
{%- import "fragments/days.sql" as days %}
with in_window as (
    select user_id, level
    from user_events
    where {{ window().holds("event_time") }}
),

stable as (
    -- The level at the window's start of users without a spell that began in the window.
    select before.user_id, before.level
    from user_levels as before
    left join user_levels as began
        on
            before.user_id = began.user_id
            and {{ window().holds("began.valid_from") }}
    where
        {{ window().before("before.valid_from") }}
        and (before.valid_to is null or not {{ window().before("before.valid_to") }})
        and began.user_id is null
),

concerned as (
    -- New users, users whose level changes in the window, and users whose level no longer does.
    select in_window.user_id
    from in_window
    left join stable
        on
            in_window.user_id = stable.user_id
            and coalesce(in_window.level, '') = coalesce(stable.level, '')
    where stable.user_id is null
    union
    select user_id
    from user_levels
    where {{ window().holds("valid_from") }}
),

moments as (
    -- One level per moment: of simultaneous events the last in the session counts.
    select
        user_events.user_id,
        user_events.event_time,
        user_events.level,
        row_number() over (
            partition by user_events.user_id, user_events.event_time
            order by
                coalesce(user_events.item_in_session, -1) desc,
                coalesce(user_events.session_id, -1) desc,
                user_events.level asc
        ) as recency
    from user_events
    inner join concerned on user_events.user_id = concerned.user_id
    inner join {{ days.of_events("not " ~ window().touched_hours.before("hour_start")) }}
    where not {{ window().before("user_events.event_time") }}
),

known as (
    -- Spells that began before the window stay, so years of events need not be read.
    select user_levels.user_id, user_levels.valid_from as event_time, user_levels.level
    from user_levels
    inner join concerned on user_levels.user_id = concerned.user_id
    where {{ window().before("user_levels.valid_from") }}
    union all
    select user_id, event_time, level
    from moments
    where recency = 1
),

steps as (
    select
        user_id,
        event_time,
        level,
        row_number() over (partition by user_id order by event_time) as step,
        lag(level) over (partition by user_id order by event_time) as level_before
    from known
)

select
    user_id,
    level,
    event_time as valid_from,
    lead(event_time) over (partition by user_id order by event_time) as valid_to
from steps
where
    step = 1
    or coalesce(level, '') <> coalesce(level_before, '')
