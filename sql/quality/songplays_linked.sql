-- Every play of the window is linked to its song in the catalogue.
-- fix: Clear the run's load_songplays task; it looks up every play again.
{%- import "fragments/matching.sql" as matching %}
select
    plays.songplay_id,
    plays.song_id as linked_to,
    min(songs.song_id) as known_as
from readable_songplays as plays
left join songs
    on
        {{ matching.is_song("songs", "plays.song_title", "plays.artist_name", "plays.duration") }}
where
    {{ window().holds("plays.start_time") }}
    -- Plays may have their previous link until the run that brings the songs has linked them.
    and not exists (
        select 1
        from song_files
        where song_files.published_at is null
    )
group by plays.songplay_id, plays.song_id
having coalesce(min(songs.song_id), '') <> coalesce(plays.song_id, '')
