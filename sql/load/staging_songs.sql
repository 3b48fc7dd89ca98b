-- One row per song that is missing or different in the mirror.
with copies as (
    -- Of several files with the song, the last by name counts: it may be a later delivery.
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
        row_number() over (partition by song_id order by source_file desc) as choice
    from song_copies
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
where choice = 1
except
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
from staging_songs
