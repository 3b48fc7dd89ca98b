-- Every play has a song and an artist.
-- severity: warn
-- fix: The events came without: tell the team that writes the logs.
select songplay_id, song_title, artist_name
from songplays
where
    {{ window().holds("start_time") }}
    and (song_title is null or artist_name is null)
