-- Songs.
select
    song_id,
    title,
    artist_id,
    year,
    duration,
    artist_name
from public.songs
