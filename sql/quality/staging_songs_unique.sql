-- Each song of the catalogue's mirror occurs once and has a key.
-- scope: table
-- fix: Delete all rows of the song from staging_songs, and any row from song_files: the next run
--     reads that file again and restores what is missing.
select song_id, count(*) as copies
from staging_songs
group by song_id
having count(*) > 1 or song_id is null
