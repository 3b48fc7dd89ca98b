-- One row per play not linked to its song in the catalogue.
{%- import "fragments/matching.sql" as matching %}
select
    plays.songplay_id,
    songs.song_id,
    songs.artist_id,
    {{ matching.rule("songs.song_id", "plays.is_repaired") }} as match_rule
from readable_songplays as plays
left join (
    -- One row per title, artist and duration: the smallest song id.
    select
        catalogue.title,
        catalogue.artist_name,
        catalogue.duration,
        min(catalogue.song_id) as song_id
    from songs as catalogue
    group by catalogue.title, catalogue.artist_name, catalogue.duration
) as known
    on
        {{ matching.is_song("known", "plays.song_title", "plays.artist_name", "plays.duration") }}
left join songs on known.song_id = songs.song_id
where
    coalesce(songs.song_id, '') <> coalesce(plays.song_id, '')
    or coalesce(songs.artist_id, '') <> coalesce(plays.artist_id, '')
    -- Rules of repair that have changed since.
    or coalesce({{ matching.rule("songs.song_id", "plays.is_repaired") }}, '')
    <> coalesce(plays.match_rule, '')
