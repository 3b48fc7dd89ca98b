-- Artists, under the Kimball name that some tools expect.
select
    artist_id,
    name,
    location,
    latitude,
    longitude,
    taken_from_song_id
from public.artists
