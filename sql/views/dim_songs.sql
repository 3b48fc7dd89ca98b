-- The songs under the name that tools made for Kimball's conventions expect.
create or replace view dim_songs as
select
    song_id,
    title,
    artist_id,
    year,
    duration,
    artist_name
from songs
