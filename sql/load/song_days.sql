-- One row per song and day touched by the run's window.
select
    cast(start_time as date) as day,
    song_title,
    artist_name,
    duration,
    count(*) as plays
from readable_songplays
where {{ window().touched_days.holds("start_time") }}
group by cast(start_time as date), song_title, artist_name, duration
order by day
