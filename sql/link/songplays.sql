-- One row per play that is not linked to the song by which the catalogue knows it.
with known as (
    -- One row per song as it is heard: of several that match a play, the smallest id.
    select
        title,
        artist_name,
        duration,
        song_id,
        artist_id,
        row_number() over (
            partition by title, artist_name, duration
            order by song_id
        ) as choice
    from songs
)

select
    plays.songplay_id,
    known.song_id,
    known.artist_id,
    case
        when known.song_id is not null
            then case when plays.is_repaired then 'repaired' else 'exact' end
    end as match_rule
from readable_songplays as plays
left join known
    on
        plays.song_title = known.title
        and plays.artist_name = known.artist_name
        and plays.duration = known.duration
        and known.choice = 1
where
    coalesce(known.song_id, '') <> coalesce(plays.song_id, '')
    or coalesce(known.artist_id, '') <> coalesce(plays.artist_id, '')
