-- Artists of no song: neither of one in the star, nor of one that a run is about to load, which is
-- in the mirror before its artist is here.
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
