-- Songs, under the Kimball name that some tools expect.
create or replace view dim_songs as
select
    song_id,
    title,
    artist_id,
    year,
    duration,
    artist_name
from songs
