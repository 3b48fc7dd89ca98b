-- Each song of the catalogue is there once, and has its key.
-- scope: table
-- mend: Delete the song's rows from file_ledger, so that the next run reads its file again.
select song_id, count(*) as copies
from songs
group by song_id
having count(*) > 1 or song_id is null
