-- One row per song in the files that this run read.
with copies as (
    -- A song that several of them hold is one song, whatever order they came in.
    select
        num_songs,
        artist_id,
        artist_latitude,
        artist_longitude,
        artist_location,
        artist_name,
        song_id,
        title,
        duration,
        year,
        row_number() over (
            partition by song_id
            order by
                artist_id, artist_location, artist_name, title, duration, year,
                artist_latitude, artist_longitude, num_songs
        ) as copy
    from {{ staging("staging_songs") }}
)

select
    num_songs,
    artist_id,
    artist_latitude,
    artist_longitude,
    artist_location,
    artist_name,
    song_id,
    title,
    duration,
    year
from copies
where copy = 1
