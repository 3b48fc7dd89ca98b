-- The 50 most played songs, with garbled names repaired, and the id of a song of this title and
-- artist, of any duration, in the catalogue.
{%- from "fragments/song_days.sql" import song_days with context %}
with played as (
    select song_title, artist_name, sum(plays) as plays
    from {{ song_days(in_range("start_time")) }}
    where {{ days_in_range("day") }}
    group by song_title, artist_name
    order by plays desc, song_title asc, artist_name asc
    limit 50
)

select
    played.song_title as title,
    played.artist_name as artist,
    played.plays,
    min(songs.song_id) as song_id
from played
left join songs on played.song_title = songs.title and played.artist_name = songs.artist_name
group by played.song_title, played.artist_name, played.plays
order by played.plays desc, title asc, artist asc
