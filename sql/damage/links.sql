-- One row per hour with plays whose link differs from the catalogue's match, if any.
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
        plays.song_title = matches.title
        and plays.artist_name = matches.artist_name
        and plays.duration = matches.duration
left join songs on matches.song_id = songs.song_id
where
    {{ in_range("plays.start_time") }}
    and (
        coalesce(plays.song_id, '') <> coalesce(songs.song_id, '')
        or coalesce(plays.artist_id, '') <> coalesce(songs.artist_id, '')
        or coalesce(plays.match_rule, '')
        <> case
            when songs.song_id is null then ''
            when plays.is_repaired then 'repaired'
            else 'exact'
        end
    )
group by date_trunc('hour', plays.start_time)
