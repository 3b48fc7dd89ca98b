-- Artists whose last song was corrected to another artist.
delete from artists
where not exists (
    select 1
    from songs
    where songs.artist_id = artists.artist_id
)
