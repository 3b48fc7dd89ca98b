-- Users without any event or play left, whichever runs removed them: a play of another run may
-- still refer to a user whose events a newer reading has removed.
{%- import "fragments/days.sql" as days %}
delete from users
where user_id in (
    select bereft.user_id
    from (
        -- Who may have lost the last event or play: last seen in the window, or in the plays just
        -- replaced, and without an event in these hours. Grouped to be found first: usually there
        -- are none, which ends the search.
        select candidates.user_id
        from (
            select user_id
            from users
            where {{ window().holds("last_seen_at") }}
            union all
            select user_id
            from replaced
        ) as candidates
        left join user_events as seen
            on
                candidates.user_id = seen.user_id
                and {{ window().touched_hours.holds("seen.event_time") }}
        where seen.user_id is null
        group by candidates.user_id
    ) as bereft
    left join (
        select user_events.user_id
        from user_events
        inner join {{ days.of_events() }}
    ) as seen_elsewhere on bereft.user_id = seen_elsewhere.user_id
    left join session_hours on bereft.user_id = session_hours.user_id
    where
        seen_elsewhere.user_id is null
        and session_hours.user_id is null
)
