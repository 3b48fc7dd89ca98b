-- One row per song that this run's files hold, as the catalogue's mirror has it.
select
    song_id,
    title,
    artist_id,
    nullif(year, 0) as year,
    duration,
    artist_name
from staging_songs
where song_id in (select read_now.song_id from {{ staging("staging_songs") }} as read_now)
