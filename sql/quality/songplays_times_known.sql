-- Every play's start is in the time dimension.
-- fix: Clear the run's load_time task and those after it.
select songplays.songplay_id, songplays.start_time
from songplays
left join time
    on
        songplays.start_time = time.start_time
        -- Bounds on both sides avoid reading years of starts for one hour.
        and {{ window().holds("time.start_time") }}
where
    {{ window().holds("songplays.start_time") }}
    and time.start_time is null
