-- Every play says which song of which artist was played.
-- severity: warn
-- fix: The events came without a song or an artist; tell whoever writes the logs.
select songplay_id, song_title, artist_name
from songplays
where
    {{ window().holds("start_time") }}
    and (song_title is null or artist_name is null)
