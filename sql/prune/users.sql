-- Users of whom nothing is left, whichever runs took it: no event, and no play, of which another
-- run's may still refer to a user whose events a newer reading has taken out.
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
