-- Each artist of the catalogue occurs once and has a key.
-- scope: table
-- fix: Delete all rows of the artist from artists, and any row from song_files: the next run reads
--     that file again and restores what is missing.
select artist_id, count(*) as copies
from artists
group by artist_id
having count(*) > 1 or artist_id is null
