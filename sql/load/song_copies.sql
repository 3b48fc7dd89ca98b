-- One row per song and file, of the files that no run has read later than this one.
with copies as (
    -- A song that a file holds twice is one song, in whatever order its lines were staged.
    select
        source_file,
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
            partition by source_file, song_id
            order by
                artist_id, artist_location, artist_name, title, duration, year,
                artist_latitude, artist_longitude, num_songs
        ) as choice
    from {{ staging("staging_songs") }}
    -- Left out, not picked: PostgreSQL takes what a run has just read for few files, and would look
    -- through them for every row.
    where source_file not in ({% include "catalogue/left.sql" %})
)

select
    source_file,
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
where choice = 1
