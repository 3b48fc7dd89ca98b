-- Spells that began in the run's window, of users who have no event left at all: those of others
-- load/user_levels.sql makes anew, this run's or that of the run that took the event out.
delete from user_levels
where
    {{ in_window("user_levels.valid_from") }}
    and not exists (
        select 1
        from user_events
        where user_events.user_id = user_levels.user_id
    )
