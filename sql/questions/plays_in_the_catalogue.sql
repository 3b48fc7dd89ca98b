-- How much of what is played the catalogue knows: a song of the same title, artist and duration.
with played as (
    select day, song_title, artist_name, duration, sum(plays) as plays
    from song_days
    where {{ in_range("day") }}
    group by day, song_title, artist_name, duration
),

known as (
    select title, artist_name, duration
    from songs
    group by title, artist_name, duration
)

select
    played.day,
    sum(played.plays) as plays,
    sum(case when known.title is null then 0 else played.plays end) as known_plays
from played
left join known
    on
        played.song_title = known.title
        and played.artist_name = known.artist_name
        and played.duration = known.duration
group by played.day
order by played.day
