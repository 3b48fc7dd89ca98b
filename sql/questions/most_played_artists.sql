-- The 50 most played artists as credited on the plays, with the number of different songs played,
-- and the artist's id if the catalogue credits a song to this name.
{%- from "fragments/song_days.sql" import song_days with context %}
with songs_played as (
    -- One row per song, to count songs without sorting all days.
    select song_title, artist_name, sum(plays) as plays
    from {{ song_days(in_range("start_time")) }}
    where {{ days_in_range("day") }}
    group by song_title, artist_name
),

played as (
    select
        artist_name,
        cast(sum(plays) as bigint) as plays,
        count(song_title) as songs_played
    from songs_played
    group by artist_name
    order by plays desc, artist_name asc
    limit 50
)

select
    played.artist_name as artist,
    played.plays,
    played.songs_played,
    min(songs.artist_id) as artist_id
from played
left join songs on played.artist_name = songs.artist_name
group by played.artist_name, played.plays, played.songs_played
order by played.plays desc, artist asc
