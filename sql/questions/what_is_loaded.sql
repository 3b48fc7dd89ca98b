-- What there is to ask about, whatever the range: the first and the last hour in which something
-- was played, how many plays by how many users there are in all, and how many hours are missing
-- their file, failed, outdated or loaded in part.
select
    min(session_hours.hour_start) as first_hour,
    max(session_hours.hour_start) as last_hour,
    coalesce(sum(session_hours.plays), 0) as plays,
    count(distinct session_hours.user_id) as users,
    (
        select count(*)
        from hour_states
        where hour_states.state in ('missing', 'failed', 'outdated', 'partial')
    ) as hours_to_mend
from session_hours
