-- Something was played at every start in the window.
-- fix: Clear the run's load_songplays task; it removes starts without plays.
select unplayed.start_time
from (
    select time.start_time
    from time
    left join songplays
        on
            time.start_time = songplays.start_time
            -- The same bounds on both sides: else years of plays are read for one hour's.
            and {{ window().holds("songplays.start_time") }}
    where
        {{ window().holds("time.start_time") }}
        and songplays.start_time is null
) as unplayed
-- A run that loads this time anew has entered its starts before its plays.
left join readings as claims
    on
        unplayed.start_time >= claims.claim_start
        and unplayed.start_time < claims.claim_end
group by unplayed.start_time
having {{ newest_is_published() }}
