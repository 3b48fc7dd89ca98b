-- Songs, under the Kimball name that some tools expect.
select
    song_id,
    title,
    artist_id,
    year,
    duration,
    artist_name
from public.songs
