-- Artists.
select
    artist_id,
    name,
    location,
    latitude,
    longitude,
    taken_from_song_id
from public.artists
