-- All in all, in this range. A play is a song that a user who was logged in started; users are
-- those who played something; a session is one visit of a user, as the app numbers it, with at
-- least one play, and has its plays that lie in the range.
with sessions as (
    select user_id, session_id, sum(plays) as plays
    from session_hours
    where {{ in_range("hour_start") }}
    group by user_id, session_id
)

select
    cast(coalesce(sum(plays), 0) as bigint) as plays,
    count(distinct user_id) as users,
    count(*) as sessions,
    cast(avg(cast(plays as double precision)) as numeric(12, 1)) as plays_a_session
from sessions
