-- One row per song that differs from the catalogue's mirror, is missing or is extra.
with derived as (
    select song_id, title, artist_id, nullif(year, 0) as year, duration, artist_name
    from staging_songs
),

compared as (
    select song_id, 1 as held, 0 as expected, {{ row_version("songs") }} as version
    from songs
    union all
    select song_id, 0 as held, 1 as expected, -{{ row_version("songs") }} as version
    from derived
)

select song_id, sum(held) as held, sum(expected) as expected
from compared
group by song_id
having sum(held) <> sum(expected) or sum(version) <> 0
