-- Totals of this range. A play is a song started by a logged-in user; users are those with a play;
-- a session is one visit of a user, as numbered by the app, with at least one play, and counts its
-- plays in the range.
with sessions as (
    select user_id, session_id, sum(plays) as plays
    from session_hours
    where
        {{ in_range("hour_start") }}
        and {{ of_level_and_place() }}
    group by user_id, session_id
)

select
    cast(coalesce(sum(plays), 0) as bigint) as plays,
    count(distinct user_id) as users,
    count(*) as sessions,
    cast(avg(cast(plays as double precision)) as numeric(12, 1)) as plays_a_session
from sessions
