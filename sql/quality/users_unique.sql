-- Each user seen in the window occurs once and has a key.
-- fix: Clear the run's load_users task; it replaces the window's users.
select users.user_id, count(*) as copies
from users
where
    users.user_id in (
        select user_events.user_id
        from user_events
        where {{ window().holds("user_events.event_time") }}
    )
group by users.user_id
having count(*) > 1 or users.user_id is null
