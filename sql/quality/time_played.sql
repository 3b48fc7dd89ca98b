-- Something was played at every start in the window.
-- mend: Clear the run's load_songplays task; it removes starts without plays.
select time.start_time
from time
left join songplays
    on
        time.start_time = songplays.start_time
        -- The same bounds on both sides: else years of plays are read for one hour's.
        and {{ in_window("songplays.start_time") }}
where
    {{ in_window("time.start_time") }}
    and songplays.start_time is null
