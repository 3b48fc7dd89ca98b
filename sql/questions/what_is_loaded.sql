-- What there is to ask about, whatever the range: the first and the last hour in which something
-- was played, and how many plays by how many users there are in all.
select
    min(hour_start) as first_hour,
    max(hour_start) as last_hour,
    coalesce(sum(plays), 0) as plays,
    count(distinct user_id) as users
from session_hours
