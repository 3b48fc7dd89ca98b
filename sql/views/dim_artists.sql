-- Artists, under the Kimball name that some tools expect.
create or replace view dim_artists as
select
    artist_id,
    name,
    location,
    latitude,
    longitude,
    taken_from_song_id
from artists
