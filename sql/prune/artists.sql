-- Artists without a song in the star or the mirror. A song about to be loaded is in the mirror
-- before its artist is in the star.
delete from artists
where
    not exists (
        select 1
        from songs
        where songs.artist_id = artists.artist_id
    )
    and not exists (
        select 1
        from staging_songs
        where staging_songs.artist_id = artists.artist_id
    )
