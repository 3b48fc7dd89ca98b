-- Spells that began in the run's window, of users who have no event left at all: those of others
-- load/user_levels.sql makes anew, this run's or that of the run that took the event out.
delete from user_levels
where
    {{ window().holds("user_levels.valid_from") }}
    and user_levels.user_id in (
        select bereft.user_id
        from (
            -- Grouped, so that they are found first: usually there is none, and then no other
            -- event is looked for.
            select spells.user_id
            from user_levels as spells
            left join user_events
                on
                    spells.user_id = user_events.user_id
                    and spells.valid_from = user_events.event_time
                    and {{ window().holds("user_events.event_time") }}
            where
                {{ window().holds("spells.valid_from") }}
                and user_events.user_id is null
            group by spells.user_id
        ) as bereft
        left join user_events as elsewhere on bereft.user_id = elsewhere.user_id
        where elsewhere.user_id is null
    )
