-- One row per user of the run's window, as of the user's latest event, whichever run loaded it.
-- Reads user_events, whose window this run has just replaced.
{%- import "fragments/days.sql" as days %}
with in_window as (
    select user_id, event_time, item_in_session, session_id, level, first_name, last_name, gender
    from user_events
    where {{ window().holds("event_time") }}
),

bereft as (
    -- Users whose latest event a corrected file removed from the window, none being left there.
    select users.user_id
    from users
    left join in_window on users.user_id = in_window.user_id
    where
        {{ window().holds("users.last_seen_at") }}
        and in_window.user_id is null
    union
    -- Users of the window whose latest event another run removed from a later one: their rows wait
    -- to be removed, or to be replaced by this run.
    select users.user_id
    from users
    inner join in_window on users.user_id = in_window.user_id
    left join user_events as latest
        on
            users.user_id = latest.user_id
            and users.last_seen_at = latest.event_time
    where
        {{ window().after("users.last_seen_at") }}
        and latest.user_id is null
),

candidates as (
    select user_id, event_time, item_in_session, session_id, level, first_name, last_name, gender
    from in_window
    union all
    select
        user_events.user_id,
        user_events.event_time,
        user_events.item_in_session,
        user_events.session_id,
        user_events.level,
        user_events.first_name,
        user_events.last_name,
        user_events.gender
    from user_events
    inner join bereft on user_events.user_id = bereft.user_id
    inner join {{ days.of_events() }}
),

ranked as (
    -- One row per user: the last event, with ties broken deterministically.
    select
        user_id,
        event_time,
        level,
        first_name,
        last_name,
        gender,
        row_number() over (
            partition by user_id
            order by
                event_time desc,
                coalesce(item_in_session, -1) desc,
                coalesce(session_id, -1) desc,
                level asc,
                first_name asc,
                last_name asc,
                gender asc
        ) as recency
    from candidates
)

select
    ranked.user_id,
    ranked.first_name,
    ranked.last_name,
    ranked.gender,
    ranked.level,
    ranked.event_time as last_seen_at
from ranked
-- The order guard: a row written by a later hour stays.
left join users
    on
        ranked.user_id = users.user_id
        and {{ window().after("users.last_seen_at") }}
left join bereft on ranked.user_id = bereft.user_id
where
    ranked.recency = 1
    and (users.user_id is null or bereft.user_id is not null)
