-- Users without any event or play left, whichever runs removed them: a play of another run may
-- still refer to a user whose events a newer reading has removed.
{%- import "fragments/days.sql" as days %}
delete from users
where user_id in (
    select bereft.user_id
    from bereft
    left join (
        select user_events.user_id
        from user_events
        inner join bereft on user_events.user_id = bereft.user_id
        inner join {{ days.of_events() }}
    ) as seen on bereft.user_id = seen.user_id
    left join session_hours on bereft.user_id = session_hours.user_id
    where
        seen.user_id is null
        and session_hours.user_id is null
)
