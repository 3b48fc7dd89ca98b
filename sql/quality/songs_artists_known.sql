-- Every song's artist is known.
-- scope: table
-- mend: Delete the song's rows from file_ledger, so that the next run reads its file again.
select songs.song_id, songs.artist_id
from songs
left join artists on songs.artist_id = artists.artist_id
where artists.artist_id is null
