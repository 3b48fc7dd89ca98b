-- Songs no longer in the catalogue's mirror.
delete from songs
where not exists (
    select 1
    from staging_songs
    where staging_songs.song_id = songs.song_id
)
