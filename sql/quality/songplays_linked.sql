-- Every play of the window is linked to the song by which the catalogue knows it.
-- fix: Clear the run's load_songplays task; it looks every play up anew.
select
    plays.songplay_id,
    plays.song_id as linked_to,
    min(songs.song_id) as known_as
from readable_songplays as plays
left join songs
    on
        plays.song_title = songs.title
        and plays.artist_name = songs.artist_name
        and plays.duration = songs.duration
where
    {{ window().holds("plays.start_time") }}
    -- Until a run that brings songs has linked them, plays may be linked to what was there before.
    and not exists (
        select 1
        from song_files
        where song_files.published_at is null
    )
group by plays.songplay_id, plays.song_id
having coalesce(min(songs.song_id), '') <> coalesce(plays.song_id, '')
