-- Every user last seen in the window has the level of that event; no loaded event is later.
-- fix: Clear the run's load_users task and those after it. If it happens again, sql/load/users.sql
--     does not take the latest event.
select
    breaking.user_id,
    breaking.level,
    breaking.last_seen_at,
    breaking.seen_later_at
from (
    select
        users.user_id,
        users.level,
        users.last_seen_at,
        later.event_time as seen_later_at
    from users
    left join user_events as last_event
        on
            users.user_id = last_event.user_id
            and users.last_seen_at = last_event.event_time
            and {{ window().holds("last_event.event_time") }}
            and coalesce(users.level, '') = coalesce(last_event.level, '')
    left join (
        -- A run loads an hour's events before its users.
        select user_events.user_id, user_events.event_time
        from user_events
        inner join hour_loads on date_trunc('hour', user_events.event_time) = hour_loads.hour_start
        where
            hour_loads.loaded_by is not null
            and user_events.event_time >= {{ literal(window().start) }}
    ) as later
        on
            users.user_id = later.user_id
            and users.last_seen_at < later.event_time
    where
        {{ window().holds("users.last_seen_at") }}
        and (last_event.user_id is null or later.user_id is not null)
) as breaking
-- So does a run that reloads it.
left join readings as claims
    on
        coalesce(breaking.seen_later_at, breaking.last_seen_at) >= claims.claim_start
        and coalesce(breaking.seen_later_at, breaking.last_seen_at) < claims.claim_end
-- A user without an event stays until the last play that refers to them is removed.
left join (
    select session_hours.user_id
    from session_hours
    inner join readings
        on
            session_hours.hour_start < readings.claim_end
            and session_hours.hour_start > readings.claim_start - interval '1 hour'
            and readings.published_at is null
    union
    -- One who has events of a run at work is entered again by that run.
    select user_events.user_id
    from user_events
    inner join readings
        on
            user_events.event_time >= readings.claim_start
            and user_events.event_time < readings.claim_end
            and readings.published_at is null
) as still_played on breaking.user_id = still_played.user_id
group by breaking.user_id, breaking.level, breaking.last_seen_at, breaking.seen_later_at
having
    {{ newest_is_published() }}
    and (breaking.seen_later_at is not null or count(still_played.user_id) = 0)
