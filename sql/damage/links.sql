-- One row per hour with plays whose link differs from the catalogue's match, if any.
{%- import "fragments/matching.sql" as matching %}
with matches as (
    -- One row per title, artist and duration: the smallest song id.
    select title, artist_name, duration, min(song_id) as song_id
    from songs
    group by title, artist_name, duration
)

select
    date_trunc('hour', plays.start_time) as hour_start,
    count(plays.song_id) as held,
    count(matches.song_id) as expected
from readable_songplays as plays
left join matches
    on
        {{ matching.is_song("matches", "plays.song_title", "plays.artist_name", "plays.duration") }}
left join songs on matches.song_id = songs.song_id
where
    {{ in_range("plays.start_time") }}
    and (
        coalesce(plays.song_id, '') <> coalesce(songs.song_id, '')
        or coalesce(plays.artist_id, '') <> coalesce(songs.artist_id, '')
        or coalesce(plays.match_rule, '')
        <> coalesce({{ matching.rule("songs.song_id", "plays.is_repaired") }}, '')
    )
group by date_trunc('hour', plays.start_time)
