-- One row per artist that this run's song files name, or named before they were corrected.
with named as (
    select artist_id
    from {{ staging("staging_songs") }}
    union
    select songs.artist_id
    from songs
    inner join {{ staging("staging_songs") }} as read_now on songs.song_id = read_now.song_id
),

ranked as (
    -- One row per artist: the smallest song id among those with a place, else of all.
    select
        staging_songs.artist_id,
        staging_songs.artist_name,
        staging_songs.artist_location,
        staging_songs.artist_latitude,
        staging_songs.artist_longitude,
        staging_songs.song_id,
        row_number() over (
            partition by staging_songs.artist_id
            order by
                case when staging_songs.artist_location is null then 1 else 0 end,
                staging_songs.song_id
        ) as choice
    from staging_songs
    inner join named on staging_songs.artist_id = named.artist_id
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
