-- How many plays match the catalogue: it has a song of the same title, artist and duration.
{%- from "fragments/song_days.sql" import song_days with context %}
{%- import "fragments/matching.sql" as matching %}
select
    song_days.day,
    sum(song_days.plays) as plays,
    sum(case when known.title is null then 0 else song_days.plays end) as known_plays
from {{ song_days(in_range("start_time")) }}
left join (
    select title, artist_name, duration
    from songs
    group by title, artist_name, duration
) as known
    on
        {{ matching.is_song(
            "known", "song_days.song_title", "song_days.artist_name", "song_days.duration"
        ) }}
where {{ days_in_range("song_days.day") }}
group by song_days.day
order by song_days.day
