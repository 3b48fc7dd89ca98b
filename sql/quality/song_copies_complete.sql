-- The mirror holds as many songs of each song file as were found in it.
-- scope: table
-- quotes: source_file, songs_found, songs_held
-- fix: Something other than a load changed song_copies. Delete the file's row from song_files: the
--     next run reads the file again.
select
    coalesce(song_files.source_file, held.source_file) as source_file,
    song_files.songs as songs_found,
    held.songs as songs_held
from song_files
full outer join (
    select source_file, count(*) as songs
    from song_copies
    group by source_file
) as held on song_files.source_file = held.source_file
where
    coalesce(song_files.songs, 0) <> coalesce(held.songs, 0)
    and exists ({% include "catalogue/settled.sql" %})
