-- Every song's artist is in the artists dimension.
-- scope: table
-- fix: Delete any row from song_files: the next run reads that file again and restores what is
--     missing.
select songs.song_id, songs.artist_id
from songs
left join artists on songs.artist_id = artists.artist_id
where artists.artist_id is null
