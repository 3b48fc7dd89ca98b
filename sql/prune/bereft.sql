-- One row per user (usually none) who may have lost the last event or play: last seen in the
-- window, or in the plays just replaced, and without an event in these hours.
create temp table bereft as
select candidates.user_id
from (
    select user_id
    from users
    where {{ window().holds("last_seen_at") }}
    union
    select user_id
    from session_hours
    where {{ window().touched_hours.holds("hour_start") }}
) as candidates
left join (
    select user_id
    from user_events
    where {{ window().touched_hours.holds("event_time") }}
) as seen on candidates.user_id = seen.user_id
where seen.user_id is null
