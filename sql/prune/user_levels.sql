-- Spells that began in the run's window with an event that is gone: where the user has other
-- events, load/user_levels.sql has made the spells anew.
delete from user_levels
where
    {{ in_window("user_levels.valid_from") }}
    and not exists (
        select 1
        from user_events
        where
            user_events.user_id = user_levels.user_id
            and user_events.event_time = user_levels.valid_from
    )
