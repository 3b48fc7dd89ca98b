-- Songs no longer in any file.
delete from staging_songs
where not exists (
    select 1
    from song_copies
    where song_copies.song_id = staging_songs.song_id
)
