-- One row per day and song, names repaired, that forgotten users played.
create temp table erased_song_days as
select
    cast(start_time as date) as day,
    song_title,
    artist_name,
    duration,
    count(*) as plays
from readable_songplays
where user_id in (select forgotten_users.user_id from forgotten_users)
group by cast(start_time as date), song_title, artist_name, duration
