-- Each song of the catalogue occurs once and has a key.
-- scope: table
-- fix: Delete all rows of the song from songs, and any row from song_files: the next run reads that
--     file again and restores what is missing.
select song_id, count(*) as copies
from songs
group by song_id
having count(*) > 1 or song_id is null
