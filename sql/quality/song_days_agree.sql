-- The summary by song and day has the same plays as songplays.
-- quotes: plays_in_summary, plays_in_songplays
-- fix: Clear the run from load_songplays on.
select summed.plays as plays_in_summary, counted.plays as plays_in_songplays
from (
    select coalesce(sum(plays), 0) as plays
    from song_days
    where {{ window().touched_days.holds_days("day") }}
) as summed
cross join (
    select count(*) as plays
    from songplays
    where {{ window().touched_days.holds("start_time") }}
) as counted
where summed.plays <> counted.plays
