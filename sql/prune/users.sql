-- Users last seen in the run's window whose events are all gone: load/users.sql has found no
-- other event of theirs.
delete from users
where
    {{ in_window("users.last_seen_at") }}
    and not exists (
        select 1
        from user_events
        where
            user_events.user_id = users.user_id
            and {{ in_window("user_events.event_time") }}
    )
