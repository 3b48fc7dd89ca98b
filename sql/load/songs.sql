-- One row per song that is not in the star as the mirror has it.
select
    staging_songs.song_id,
    staging_songs.title,
    staging_songs.artist_id,
    nullif(staging_songs.year, 0) as year,
    staging_songs.duration,
    staging_songs.artist_name
from staging_songs
-- A song that another run has brought into the mirror since may come before its artist: that run
-- loads both.
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
