-- Every song's artist is known.
-- scope: table
-- fix: Delete any row from song_files: the next run reads that file again, and puts in what is
--     missing.
select songs.song_id, songs.artist_id
from songs
left join artists on songs.artist_id = artists.artist_id
where artists.artist_id is null
