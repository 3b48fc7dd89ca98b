-- One row per session and hour touched by the run's window.
select
    date_trunc('hour', start_time) as hour_start,
    user_id,
    session_id,
    level,
    location,
    count(*) as plays,
    min(start_time) as first_play,
    max(start_time) as last_play
from songplays
where {{ window().touched_hours.holds("start_time") }}
group by date_trunc('hour', start_time), user_id, session_id, level, location
order by hour_start
