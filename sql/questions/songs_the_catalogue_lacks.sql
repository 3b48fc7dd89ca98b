-- The 50 most played songs without a song of the same title and artist in the catalogue.
{%- from "fragments/song_days.sql" import song_days with context %}
with played as (
    select song_title, artist_name, sum(plays) as plays
    from {{ song_days(in_range("start_time")) }}
    where {{ days_in_range("day") }}
    group by song_title, artist_name
)

select
    played.song_title as title,
    played.artist_name as artist,
    played.plays
from played
left join songs on played.song_title = songs.title and played.artist_name = songs.artist_name
where songs.song_id is null
order by played.plays desc, title asc, artist asc
limit 50
