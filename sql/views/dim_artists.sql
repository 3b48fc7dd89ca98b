-- The artists under the name that tools made for Kimball's conventions expect.
create or replace view dim_artists as
select
    artist_id,
    name,
    location,
    latitude,
    longitude,
    taken_from_song_id
from artists
