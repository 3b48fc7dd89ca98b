-- Users without any event or play left, whichever runs removed them: a play of another run may
-- still refer to a user whose events a newer reading has removed.
delete from users
where user_id in (
    select bereft.user_id
    from bereft
    left join user_events on bereft.user_id = user_events.user_id
    left join session_hours on bereft.user_id = session_hours.user_id
    where
        user_events.user_id is null
        and session_hours.user_id is null
)
