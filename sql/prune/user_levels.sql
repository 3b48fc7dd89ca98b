-- Spells that began in the run's window, of users without any event left. load/user_levels.sql, in
-- this run or the one that removed the event, rebuilds the spells of all others.
delete from user_levels
where
    {{ window().holds("user_levels.valid_from") }}
    and user_levels.user_id in (
        select bereft.user_id
        from (
            -- Grouped to be found first: usually there are none, which ends the search.
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
