-- Each artist of the catalogue is there once, and has its key.
-- scope: table
-- mend: Delete the rows of the artist's songs from file_ledger, so that the next run reads them again.
select artist_id, count(*) as copies
from artists
group by artist_id
having count(*) > 1 or artist_id is null
