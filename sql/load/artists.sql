-- One row per artist of the mirror that is missing or different in the star.
with ranked as (
    -- One row per artist: the smallest song id, preferring songs with a place.
    select
        artist_id,
        artist_name,
        artist_location,
        artist_latitude,
        artist_longitude,
        song_id,
        row_number() over (
            partition by artist_id
            order by
                case when artist_location is null then 1 else 0 end,
                song_id
        ) as choice
    from staging_songs
)

select
    artist_id,
    artist_name as name,
    artist_location as location,
    artist_latitude as latitude,
    artist_longitude as longitude,
    song_id as taken_from_song_id
from ranked
where choice = 1
except
select
    artist_id,
    name,
    location,
    latitude,
    longitude,
    taken_from_song_id
from artists
