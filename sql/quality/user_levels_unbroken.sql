-- Each user's spells follow each other without gap or overlap; only the last is open.
-- fix: Clear the run's load_user_levels task; it rebuilds the spells of the window's users.
select user_id, level, valid_from, valid_to
from (
    select
        user_id,
        level,
        valid_from,
        valid_to,
        lead(valid_from) over (partition by user_id order by valid_from) as next_from
    from user_levels
    where user_id in (
        select user_events.user_id
        from user_events
        where {{ window().holds("user_events.event_time") }}
    )
) as spells
where
    coalesce(valid_to, timestamp '9999-12-31') <> coalesce(next_from, timestamp '9999-12-31')
    or valid_to <= valid_from
