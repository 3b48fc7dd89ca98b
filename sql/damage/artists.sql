-- One row per artist that differs from the catalogue's mirror, is missing or is extra.
with ranked as (
    -- One row per artist: the smallest song id, preferring songs with a place.
    select
        artist_id,
        artist_name as name,
        artist_location as location,
        artist_latitude as latitude,
        artist_longitude as longitude,
        song_id as taken_from_song_id,
        row_number() over (
            partition by artist_id
            order by case when artist_location is null then 1 else 0 end, song_id
        ) as choice
    from staging_songs
),

compared as (
    select artist_id, 1 as held, 0 as expected, {{ row_version("artists") }} as version
    from artists
    union all
    select artist_id, 0 as held, 1 as expected, -{{ row_version("artists") }} as version
    from ranked
    where choice = 1
)

select artist_id, sum(held) as held, sum(expected) as expected
from compared
group by artist_id
having sum(held) <> sum(expected) or sum(version) <> 0
