-- One row per song of the mirror that is missing or different in the star.
select
    staging_songs.song_id,
    staging_songs.title,
    staging_songs.artist_id,
    nullif(staging_songs.year, 0) as year,
    staging_songs.duration,
    staging_songs.artist_name
from staging_songs
-- A song just mirrored by another run may lack its artist; that run loads both.
inner join artists on staging_songs.artist_id = artists.artist_id
except
select
    song_id,
    title,
    artist_id,
    year,
    duration,
    artist_name
from songs
