-- One row per song and file, for files that no run read later than this one.
with copies as (
    -- A song twice in a file counts once, whatever the order of staging.
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
    -- Exclude, not select: PostgreSQL underestimates the files just read, and rescans them per row.
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
