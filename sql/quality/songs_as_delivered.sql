-- Every song matches its file.
-- severity: warn
-- scope: table
-- fix: Delete the rows of the song's files, which song_copies names, from song_files: the next run
--     reads them again. If it happens again, sql/load/songs.sql or a column's type alters the song.
select
    songs.song_id,
    songs.title,
    songs.duration,
    staging_songs.duration as duration_delivered
from songs
inner join staging_songs on songs.song_id = staging_songs.song_id
where
    (
        coalesce(songs.title, '') <> coalesce(staging_songs.title, '')
        or songs.artist_id <> staging_songs.artist_id
        or coalesce(songs.artist_name, '') <> coalesce(staging_songs.artist_name, '')
        or coalesce(songs.duration, -1) <> coalesce(staging_songs.duration, -1)
        or coalesce(songs.year, 0) <> coalesce(staging_songs.year, 0)
    )
    -- Most runs do not change the catalogue.
    and exists ({% include "catalogue/settled.sql" %})
