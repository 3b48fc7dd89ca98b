-- The 50 songs that gained the most plays in the last seven days over the seven days before. The
-- last day is the latest in the range with a play; earlier days count even if outside the range.
{%- from "fragments/song_days.sql" import song_days with context %}
{%- set last_days = "start_time >= (select latest.day - 13 from latest) "
    "and start_time < (select latest.day + 1 from latest)" %}
with latest as (
    select max(day) as day
    from {{ song_days(in_range("start_time")) }}
    where {{ days_in_range("day") }}
),

weeks as (
    select
        song_days.song_title,
        song_days.artist_name,
        sum(case when song_days.day > latest.day - 7 then song_days.plays else 0 end) as plays,
        sum(case when song_days.day > latest.day - 7 then 0 else song_days.plays end)
            as plays_before
    from {{ song_days(last_days) }}
    cross join latest
    where
        song_days.day > latest.day - 14
        and song_days.day <= latest.day
    group by song_days.song_title, song_days.artist_name
)

select
    song_title as title,
    artist_name as artist,
    plays,
    plays_before,
    plays - plays_before as rise
from weeks
where plays > plays_before
order by rise desc, plays desc, title asc, artist asc
limit 50
