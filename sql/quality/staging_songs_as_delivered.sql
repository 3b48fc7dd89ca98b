-- The mirror has every song as in the last of its files.
-- scope: table
-- fix: Delete the rows of the song's files, which song_copies names, from song_files: the next run
--     reads them again. If it happens again, sql/load/staging_songs.sql or a column's type alters
--     it.
with copies as (
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

select copies.song_id, copies.title
from copies
left join staging_songs
    on
        copies.song_id = staging_songs.song_id
        and copies.artist_id = staging_songs.artist_id
        and coalesce(copies.num_songs, -1) = coalesce(staging_songs.num_songs, -1)
        and coalesce(copies.artist_latitude, 99) = coalesce(staging_songs.artist_latitude, 99)
        and coalesce(copies.artist_longitude, 999) = coalesce(staging_songs.artist_longitude, 999)
        and coalesce(copies.artist_location, '') = coalesce(staging_songs.artist_location, '')
        and coalesce(copies.artist_name, '') = coalesce(staging_songs.artist_name, '')
        and coalesce(copies.title, '') = coalesce(staging_songs.title, '')
        and coalesce(copies.duration, -1) = coalesce(staging_songs.duration, -1)
        and coalesce(copies.year, -1) = coalesce(staging_songs.year, -1)
where
    copies.choice = 1
    and staging_songs.song_id is null
    and exists ({% include "catalogue/settled.sql" %})
