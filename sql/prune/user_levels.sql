-- Spells that began in the run's window, of users without an earlier spell or an event since. For
-- them load/user_levels.sql has no rows; in this run or the one that removed the event, it rebuilds
-- the spells of all others.
{%- import "fragments/days.sql" as days %}
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
        left join (
            select user_events.user_id
            from user_events
            inner join {{ days.of_events("not " ~ window().touched_hours.before("hour_start")) }}
            where not {{ window().before("user_events.event_time") }}
        ) as since on bereft.user_id = since.user_id
        left join user_levels as earlier
            on
                bereft.user_id = earlier.user_id
                and {{ window().before("earlier.valid_from") }}
        where
            since.user_id is null
            and earlier.user_id is null
    )
