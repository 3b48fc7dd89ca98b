-- One row per day whose summary by song differs from its plays. A song with n plays weighs n, so
-- neither side needs grouping by song.
with compared as (
    select
        day,
        plays as held,
        0 as expected,
        plays,
        cast(plays as numeric(38, 0)) * {{ row_version("song_days") }} as version
    from song_days
    where {{ days_in_range("day") }}
    union all
    select
        cast(start_time as date) as day,
        0 as held,
        1 as expected,
        1 as plays,
        -{{ row_version("song_days") }} as version
    from readable_songplays
    where {{ in_range("start_time") }}
)

select day, sum(held) as held, sum(expected) as expected
from compared
group by day
having sum(held) <> sum(expected) or sum(version) <> 0 or min(plays) < 1
