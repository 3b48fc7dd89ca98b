-- One row per play whose song is no longer the one that is linked, because this run brought a
-- song that matches, or one that matches no more, or one with a smaller id.
with arrived as (
    select songs.song_id, songs.title, songs.artist_name, songs.duration
    from songs
    inner join {{ staging("staging_songs") }} as read_now on songs.song_id = read_now.song_id
),

concerned as (
    select songplays.songplay_id
    from songplays
    inner join arrived on songplays.song_id = arrived.song_id
    union
    select plays.songplay_id
    from readable_songplays as plays
    inner join arrived
        on
            plays.song_title = arrived.title
            and plays.artist_name = arrived.artist_name
            and plays.duration = arrived.duration
),

candidates as (
    -- One row per play: of several songs that match the smallest id, of none null.
    select
        plays.songplay_id,
        plays.song_id as linked_song_id,
        plays.artist_id as linked_artist_id,
        songs.song_id,
        songs.artist_id,
        plays.is_repaired,
        row_number() over (
            partition by plays.songplay_id
            order by songs.song_id
        ) as choice
    from readable_songplays as plays
    inner join concerned on plays.songplay_id = concerned.songplay_id
    left join songs
        on
            plays.song_title = songs.title
            and plays.artist_name = songs.artist_name
            and plays.duration = songs.duration
)

select
    songplay_id,
    song_id,
    artist_id,
    case when song_id is not null then case when is_repaired then 'repaired' else 'exact' end end
        as match_rule
from candidates
where
    choice = 1
    and (
        coalesce(song_id, '') <> coalesce(linked_song_id, '')
        or coalesce(artist_id, '') <> coalesce(linked_artist_id, '')
    )
