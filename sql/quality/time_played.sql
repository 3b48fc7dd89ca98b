-- Every start in the window has a play.
-- fix: Clear the run's load_songplays task; it deletes starts without plays.
select unplayed.start_time
from (
    select time.start_time
    from time
    left join songplays
        on
            time.start_time = songplays.start_time
            -- Bounds on both sides avoid reading years of plays for one hour.
            and {{ window().holds("songplays.start_time") }}
    where
        {{ window().holds("time.start_time") }}
        and songplays.start_time is null
) as unplayed
-- A run that reloads this time loads starts before plays.
left join readings as claims
    on
        unplayed.start_time >= claims.claim_start
        and unplayed.start_time < claims.claim_end
group by unplayed.start_time
having {{ newest_is_published() }}
